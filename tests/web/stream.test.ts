/** The connection, on ground of the test's own: its clock, its chance, its network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Piece } from "../../src/rostra/web/src/listen/boxes.ts";
import { type Ground, type Link, Stream } from "../../src/rostra/web/src/listen/stream.ts";
import { Pretend, settle } from "./pretend.ts";

type Call = { url: string; signal: AbortSignal; answer: (r: Response) => void; fail: (e: Error) => void };

class World extends Pretend {
  calls: Call[] = [];
  links: Link[] = [];
  pieces: Piece[] = [];
  began = 0;
  stream: Stream;

  constructor(random = 0.5) {
    super();
    const ground: Ground = {
      fetch: (url, init) =>
        new Promise((answer, fail) => this.calls.push({ url: String(url), signal: init!.signal!, answer, fail })),
      random: () => random,
      now: () => this.t,
      setTimeout: this.setTimeout,
      clearTimeout: this.clearTimeout,
    };
    this.stream = new Stream("/live", {
      piece: (p) => this.pieces.push(p),
      began: () => this.began++,
      link: (l) => this.links.push(l),
    }, ground);
  }

  get last(): Link {
    return this.links.at(-1)!;
  }
}

function endless(): { response: Response; send: (b: Uint8Array) => void; end: () => void; reset: () => void } {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
  return {
    response: new Response(body),
    send: (b) => control.enqueue(b),
    end: () => control.close(),
    reset: () => control.error(new Error("reset")),
  };
}

const NOTICE = Uint8Array.from([0, 0, 0, 16, ...new TextEncoder().encode("moov"), 0, 0, 0, 8, ...new TextEncoder().encode("free")]);

test("it connects, tells what comes, and comes back after a break with jitter", async () => {
  const w = new World();
  w.stream.start();
  const first = endless();
  w.calls[0]!.answer(first.response);
  first.send(NOTICE);
  await settle();
  assert.deepEqual(w.links.map((l) => l.at), ["connecting", "connected"]);
  assert.equal(w.pieces.length, 1);
  first.reset();
  await settle();
  assert.equal(w.last.at, "waiting");
  assert.ok(w.last.at === "waiting" && w.last.inS > 0.2 && w.last.inS < 2.5 && !w.last.full);
  await w.pass(3);
  assert.equal(w.calls.length, 2);
  w.stream.stop();
});

test("failures in a row wait longer and longer", async () => {
  const w = new World(0.9999);
  w.stream.start();
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    w.calls.at(-1)!.fail(new Error("refused"));
    await settle();
    const link = w.last;
    assert.ok(link.at === "waiting");
    waits.push(Math.ceil(link.inS));
    await w.pass(link.inS + 0.1);
  }
  assert.deepEqual(waits, [3, 5, 10, 20, 30, 30]);
  w.stream.stop();
});

test("full: it comes back when it was told to, not before", async () => {
  const w = new World(0);
  w.stream.start();
  w.calls[0]!.answer(new Response("{}", { status: 503, headers: { "retry-after": "7" } }));
  await settle();
  assert.deepEqual(w.last, { at: "waiting", inS: 7, full: true });
  await w.pass(6.9);
  assert.equal(w.calls.length, 1);
  await w.pass(0.2);
  assert.equal(w.calls.length, 2);
  w.stream.stop();
});

for (const [status, why] of [[404, "absent"], [410, "ended"], [425, "early"], [409, "early"], [400, "refused"]] as const)
  test(`${status} is ${why}, and not asked again`, async () => {
    const w = new World();
    w.stream.start();
    w.calls[0]!.answer(new Response("{}", { status }));
    await settle();
    assert.deepEqual(w.last, { at: "over", why });
    await w.pass(100);
    assert.equal(w.calls.length, 1);
  });

test("an edge that drains is left for another that sounds already", async () => {
  const w = new World(0.5);
  w.stream.start();
  const [old, young] = [endless(), endless()];
  w.calls[0]!.answer(old.response);
  old.send(NOTICE);
  await settle();
  w.stream.leave(4);
  await w.pass(1.9);
  assert.equal(w.calls.length, 1);
  await w.pass(0.2);
  assert.equal(w.calls.length, 2);
  old.send(NOTICE);
  await settle();
  assert.equal(w.pieces.length, 2, "the old one is heard until the new one sounds");
  w.calls[1]!.answer(young.response);
  young.send(NOTICE);
  await settle();
  assert.equal(w.pieces.length, 3);
  assert.equal(w.calls[0]!.signal.aborted, true);
  assert.equal(w.links.filter((l) => l.at === "waiting").length, 0);
  young.end();
  await settle();
  assert.equal(w.last.at, "waiting");
  w.stream.stop();
});

test("a draining edge that closes before the sibling answers does not cost a second connection", async () => {
  const w = new World(0);
  w.stream.start();
  const old = endless();
  w.calls[0]!.answer(old.response);
  old.send(NOTICE);
  await settle();
  w.stream.leave(1);
  await w.pass(0.1);
  assert.equal(w.calls.length, 2);
  old.end();
  const young = endless();
  w.calls[1]!.answer(young.response);
  young.send(NOTICE);
  await w.pass(1);
  assert.equal(w.last.at, "connected");
  await w.pass(5);
  assert.equal(w.calls.length, 2);
  w.stream.stop();
});

test("a connection that says nothing is dead after a while, sooner than one that said 'interrupted'", async () => {
  for (const [interrupted, limit] of [[false, 8.5], [true, 60.5]] as const) {
    const w = new World();
    w.stream.start();
    w.stream.interrupted = interrupted;
    const first = endless();
    w.calls[0]!.answer(first.response);
    first.send(NOTICE);
    await w.pass(limit - 1);
    assert.equal(w.last.at, "connected");
    await w.pass(3);
    assert.notEqual(w.links.findIndex((l) => l.at === "waiting"), -1);
    w.stream.stop();
  }
});

test("stopped is stopped", async () => {
  const w = new World();
  w.stream.start();
  w.stream.stop();
  assert.equal(w.calls[0]!.signal.aborted, true);
  w.calls[0]!.fail(new Error("aborted"));
  await w.pass(100);
  assert.equal(w.calls.length, 1);
});

test("when the network is back it does not sit out a long wait", async () => {
  const w = new World(0.5);
  w.stream.start();
  for (let i = 0; i < 5; i++) {
    w.calls.at(-1)!.fail(new Error("no network"));
    await settle();
    if (i < 4 && w.last.at === "waiting") await w.pass(w.last.inS + 0.1);
  }
  assert.ok(w.last.at === "waiting" && w.last.inS > 10);
  w.stream.hurry();
  assert.ok(w.last.at === "waiting" && w.last.inS < 2.5);
  w.stream.stop();
});
