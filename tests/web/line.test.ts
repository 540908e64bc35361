/** The way of one who finds the house full, on ground of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Challenge } from "../../src/rostra/web/src/listen/challenge.ts";
import { type Answer, Line } from "../../src/rostra/web/src/listen/line.ts";
import type { Told } from "../../src/rostra/web/src/listen/standing.ts";
import { Pretend } from "./pretend.ts";

const START = 1_900_000_000;
const SHUFFLED = 2 ** 32;

function passAt(at: number, line = 3, inside = 0): string {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  bytes.set([1, 0, line, inside]);
  view.setUint16(10, Math.floor((at * 1000) / SHUFFLED));
  view.setUint32(12, (at * 1000) % SHUFFLED);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const PASS = passAt(START + 10);
const CHALLENGE = { parameters: {}, signature: "" } as unknown as Challenge;
const given: Answer = { status: 200, retryAfter: 0, body: { pass: PASS } };
const demanded: Answer = { status: 428, retryAfter: 0, body: { challenge: CHALLENGE } };
const full: Answer = { status: 503, retryAfter: 40, body: {} };

const told = (serving: number, more: Partial<Told> = {}): Told => ({
  serving: { rsvp: 0, early: 0, late: serving, crowded: 0 },
  ahead: { late: [[SHUFFLED, 0], [SHUFFLED + 20_000, 200]] },
  pace: [1, 1],
  seed: "00".repeat(16),
  start: START,
  ...more,
});

class World extends Pretend {
  posts: object[] = [];
  answers: (Answer | Error)[] = [];
  kept: Record<string, string | undefined> = {};
  again = 0;
  solved = 0;
  solves = true;
  shown: string[] = [];
  line = new Line({
    post: (body) => {
      this.posts.push(body);
      const next = this.answers.shift() ?? full;
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    solve: (_, progress) => {
      this.solved++;
      progress(0.5);
      return this.solves ? Promise.resolve("solution") : Promise.reject(new Error("no"));
    },
    get: (what) => this.kept[what],
    put: (pass) => void (this.kept["pass"] = pass),
    again: () => void this.again++,
    changed: () => void this.shown.push(this.line.place.at),
    random: () => 0.5,
    serverNow: () => START + 20 + this.t,
    setTimeout: this.setTimeout,
    clearTimeout: this.clearTimeout,
  });

  get at(): string {
    return this.line.place.at;
  }
}

test("a number is given, and kept, and waited with until it is called", async () => {
  const w = new World();
  w.answers = [given];
  w.line.refused();
  await w.pass(0);
  assert.deepEqual([w.at, w.kept["pass"], w.posts], ["waiting", PASS, [{}]]);
  assert.equal(w.again, 1, "there may be a place at once");
  w.line.refused();
  w.line.learn(told(SHUFFLED + 5000));
  const { place } = w.line;
  assert.ok(place.at === "waiting" && place.standing && place.standing.position > 50);
  assert.ok(w.line.askS >= 1 && w.line.askS <= 60);
  w.line.learn(told(SHUFFLED + 10_001));
  assert.equal(w.at, "called");
  assert.equal(w.again, 1, "not all in the same moment");
  await w.pass(2);
  assert.equal(w.again, 2);
  assert.equal(w.posts.length, 1, "and nothing more was asked for");
});

test("a little work is done where it is asked for, by those who have no number", async () => {
  const w = new World();
  w.answers = [demanded, given];
  w.line.refused();
  await w.pass(0);
  assert.deepEqual(w.posts, [{}, { answer: "solution" }]);
  assert.ok(w.shown.includes("proving"));
  assert.equal(w.at, "waiting");
});

test("who comes back with a number asks for none", async () => {
  const w = new World();
  w.kept["pass"] = PASS;
  w.line.learn(told(SHUFFLED));
  assert.deepEqual(w.line.resting?.at, "waiting", "and is told so before the first tap");
  w.line.refused();
  await w.pass(100);
  assert.deepEqual([w.at, w.posts], ["waiting", []]);
});

test("a promise to come is shown, however old", async () => {
  const w = new World();
  w.kept["rsvp"] = passAt(START - 20 * 86_400, 1);
  w.answers = [{ status: 200, retryAfter: 0, body: { pass: w.kept["rsvp"] } }];
  w.line.refused();
  await w.pass(0);
  assert.deepEqual(w.posts, [{ rsvp: w.kept["rsvp"] }]);
  assert.equal(w.at, "waiting");
  const old = new World();
  old.kept["rsvp"] = "a ticket of 22 letters";
  old.answers = [given];
  old.line.refused();
  await old.pass(0);
  assert.deepEqual(old.posts, [{}], "a ticket of before says nothing here");
});

test("a number that is too old, or none, is not gone on with", async () => {
  for (const bad of [passAt(START - 13 * 3600), "nonsense"]) {
    const w = new World();
    w.kept["pass"] = bad;
    w.answers = [given];
    w.line.refused();
    await w.pass(0);
    assert.equal(w.kept["pass"], PASS);
  }
});

test("no numbers are given: it is asked when the edge said, and no sooner", async () => {
  const w = new World();
  w.answers = [full, new Error("network"), given];
  w.line.refused();
  await w.pass(39);
  assert.equal(w.posts.length, 1);
  await w.pass(11);
  assert.equal(w.posts.length, 2);
  await w.pass(10);
  assert.equal(w.posts.length, 3);
  assert.equal(w.at, "waiting");
});

test("challenges without end, or none that can be solved, are not a loop", async () => {
  const w = new World();
  w.answers = Array<Answer>(50).fill(demanded);
  w.line.refused();
  await w.pass(60);
  assert.ok(w.solved <= 3 * 12, `${w.solved} in a minute`);
  const never = new World();
  never.solves = false;
  never.answers = Array<Answer>(50).fill(demanded);
  never.line.refused();
  await never.pass(60);
  assert.ok(never.solved <= 12 && never.solved > 1);
});

test("called and refused again and again: the number is none any more", async () => {
  const w = new World();
  w.kept["pass"] = PASS;
  w.line.learn(told(SHUFFLED + 20_000));
  w.line.refused();
  assert.equal(w.at, "called");
  await w.pass(2);
  w.answers = [given];
  for (let i = 0; i < 4; i++) w.line.refused();
  await w.pass(0);
  assert.equal(w.posts.length, 1);
});

test("who was inside when the door shut is called at once, whatever is told", async () => {
  const w = new World();
  w.kept["pass"] = passAt(START + 10, 3, 1);
  assert.ok(w.line.safe);
  w.line.learn(told(SHUFFLED));
  w.line.refused();
  assert.deepEqual([w.at, w.posts], ["called", []]);
  await w.pass(2);
  assert.equal(w.again, 1);
  w.kept["pass"] = PASS;
  assert.ok(!w.line.safe);
});

test("who leaves is not called, and what comes late is not listened to", async () => {
  const w = new World();
  w.answers = [given];
  w.line.refused();
  w.line.leave();
  await w.pass(10);
  assert.deepEqual([w.at, w.kept["pass"], w.again], ["outside", undefined, 0]);
  w.kept["pass"] = PASS;
  w.line.learn(told(SHUFFLED + 20_000));
  w.line.refused();
  w.line.leave();
  await w.pass(10);
  assert.equal(w.again, 0);
});

test("the line became empty while one did not look: one comes in", async () => {
  const w = new World();
  w.kept["pass"] = PASS;
  w.line.learn(told(SHUFFLED));
  w.line.refused();
  assert.equal(w.at, "waiting");
  w.line.learn(null);
  assert.equal(w.at, "called");
  await w.pass(2);
  assert.equal(w.again, 1);
});

test("where nobody waits any more the state says nothing, and the number still stands", () => {
  const w = new World();
  w.kept["pass"] = PASS;
  w.line.refused();
  w.line.learn(null);
  assert.equal(w.at, "waiting");
  assert.ok(w.line.askS <= 5);
});
