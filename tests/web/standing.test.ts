/** Where one stands: the same as admission/waiting.py says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askS, type Held, rank, read, roughly, standing, type Told } from "../../src/rostra/web/src/listen/standing.ts";

const SHUFFLED = 2 ** 32;
const SEED = "000102030405060708090a0b0c0d0e0f";
const START = 1_900_000_000;
const ID = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]);

const told = (more: Partial<Told> = {}): Told => ({
  serving: { rsvp: 0, early: 0, late: 0, crowded: 0 },
  ahead: {},
  pace: [1, 1],
  seed: SEED,
  start: START,
  ...more,
});
const late = (ms: number): Held => ({ line: "late", at: START + ms / 1000, id: ID });

/** As `wire/passes.py` signs Pass("main", Line.LATE, 1_900_000_007.25, bytes(range(8)), 3), the signature left out. */
function pass(line: number, at: number, version = 1, flags = 0): string {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  bytes.set([version, 3, line, flags]);
  view.setUint16(10, Math.floor((at * 1000) / SHUFFLED));
  view.setUint32(12, (at * 1000) % SHUFFLED);
  bytes.set(ID, 16);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

test("a pass says line, time and whose it is", () => {
  assert.deepEqual(read(pass(3, START + 7.25)), { line: "late", at: START + 7.25, id: ID });
  assert.equal(read(pass(1, START))?.line, "rsvp");
  assert.deepEqual(read(pass(3, START + 7.25, 1, 1)), { line: "late", at: START + 7.25, id: ID, inside: true });
  for (const bad of ["", "x", pass(3, START).slice(1), `${pass(3, START)}A`, pass(0, START), pass(5, START), pass(3, START, 2), "é".repeat(54)])
    assert.equal(read(bad), null, bad);
});

test("the rank is drawn, or the time of coming", () => {
  assert.equal(rank({ line: "early", at: START - 5, id: ID }, told()), 1315920899, "as in tests/wire/test_door.py");
  assert.equal(rank({ line: "early", at: START - 5, id: ID }, told({ seed: "", start: 0 })), null);
  assert.equal(rank(late(2500), told()), SHUFFLED + 2500);
});

test("position and time, as on the other side", () => {
  const ahead = { late: [[SHUFFLED, 0], [SHUFFLED + 250, 100], [SHUFFLED + 500, 200], [SHUFFLED + 750, 400]] as [number, number][] };
  const t = told({ ahead, serving: { rsvp: 0, early: 0, late: SHUFFLED, crowded: 0 }, pace: [2, 2] });
  const here = standing(late(375), t);
  assert.equal(here.position, 151);
  assert.equal(here.giveOrTake, 50);
  assert.ok(here.soonestS! < 151 / 2 && 151 / 2 < here.latestS!);
  assert.equal(standing(late(10_000), t).position, 401);
  assert.equal(standing({ line: "late", at: START - 5, id: ID }, t).called, true);
  assert.equal(standing(late(375), { ...t, pace: [0, 0] }).soonestS, null);
});

test("lines in front count, and the crowded have their share", () => {
  const line = [[0, 0], [SHUFFLED, 100]] as [number, number][];
  const t = told({ ahead: { rsvp: line, early: line, late: line, crowded: line } });
  const at = (name: Held["line"], seed = "") => standing({ line: name, at: START - 1, id: ID }, { ...t, seed }).position;
  assert.deepEqual([at("rsvp"), at("early"), at("crowded")], [53, 158, 351], "half of each line, before it is drawn");
  const alone = told({ ahead: { crowded: line }, seed: "" });
  assert.equal(standing({ line: "crowded", at: 0, id: ID }, alone).position, 51);
});

test("who stands near the front asks often, who stands far from it once a minute", () => {
  const at = (soonestS: number | null, position = 1) => askS({ called: false, position, giveOrTake: 0, soonestS, latestS: soonestS });
  assert.deepEqual([at(0), at(80), at(9000)], [2, 10, 60]);
  assert.deepEqual([at(null), at(null, 80), at(null, 9000)], [2, 10, 20], "while nobody is called");
});

test("what is not exact is not said exactly", () => {
  assert.deepEqual([0, 7, 42, 678, 1234, 98_765].map(roughly), [0, 7, 42, 680, 1200, 99_000]);
});
