/** The controller against a model player: flushes come, sound is played, nothing may run dry, latency is what was wished. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Controller, MAX_RATE, MIN_RATE, mayGoOn, type Range } from "../../src/rostra/web/src/listen/controller.ts";

const STEP_S = 0.05;
const TICK_S = 0.25;

interface World {
  flush: number;
  /** What the edge really does; it follows `flush`, which was announced, some time later. */
  taken: number;
  seconds: number;
  backlog: number;
  jitter?: (n: number) => number;
  at?: (t: number, w: World) => void;
}

interface Heard {
  dry: number;
  rates: number[];
  seeks: number;
  /** How far behind the newest sound, right after a flush, in the last 5 s. */
  behind: number;
  floor: number;
}

/** Media time equals the clock at the stage; the edge has sound up to `t`. */
function play(w: World): Heard {
  const controller = new Controller();
  const start = 1000;
  let [end, position, rate] = [start, start - w.backlog, 1];
  let sent = start;
  const due: { at: number; end: number }[] = [];
  const heard: Heard = { dry: 0, rates: [], seeks: 0, behind: 0, floor: Infinity };
  let flushes = 0;
  for (let i = 0; i * STEP_S < w.seconds; i++) {
    const t = start + i * STEP_S;
    w.at?.(t - start, w);
    if (t - sent >= w.taken - 1e-9) {
      sent = t;
      due.push({ at: t + (w.jitter?.(flushes++) ?? 0), end: t });
    }
    for (const d of due) if (d.at <= t && d.end > end) end = d.end;
    if (end - position > STEP_S * rate) position += STEP_S * rate;
    else heard.dry++;
    if (t - start > w.seconds - 5) heard.behind = Math.max(heard.behind, end - position);
    if (t - start > w.seconds / 2) heard.floor = Math.min(heard.floor, end - position);
    if (i % (TICK_S / STEP_S) === 0) {
      const buffered: Range[] = [[Math.max(start - w.backlog, position - 30), end]];
      const control = controller.step({ now: t, currentTime: position, buffered, flush: w.flush });
      rate = control.rate;
      heard.rates.push(rate);
      if (control.seekTo !== null) {
        heard.seeks++;
        position = control.seekTo;
      }
    }
  }
  return heard;
}

for (const flush of [0.5, 1, 2, 4]) {
  test(`a newcomer with two flushes of ${flush} s hears all of it and ends up at the wish`, () => {
    const heard = play({ flush, taken: flush, seconds: 180, backlog: 2 * flush });
    assert.equal(heard.dry, 0);
    assert.equal(heard.seeks, 0);
    assert.ok(heard.behind <= flush + Math.min(1, flush) + 0.35, `${heard.behind} s behind`);
    assert.ok(heard.floor > 0.3, `${heard.floor} s at the lowest`);
    assert.ok(Math.max(...heard.rates) <= MAX_RATE && Math.min(...heard.rates) >= MIN_RATE);
  });
}

test("at flushes of half a second it stays about a second behind the edge, at normal speed", () => {
  const heard = play({ flush: 0.5, taken: 0.5, seconds: 60, backlog: 1 });
  assert.ok(heard.behind >= 0.8 && heard.behind <= 1.35, `${heard.behind}`);
  assert.ok(heard.rates.slice(80).every((r) => r === 1));
});

test("the whole ladder, each step announced before it is taken, is not heard", () => {
  const steps: [flush: number, from: number, taken: number][] = [[1, 20, 28], [2, 80, 88], [4, 140, 168]];
  const heard = play({
    flush: 0.5,
    taken: 0.5,
    seconds: 300,
    backlog: 1,
    at(t, w) {
      for (const [flush, from, taken] of steps) {
        if (t >= from) w.flush = flush;
        if (t >= taken) w.taken = flush;
      }
    },
  });
  assert.equal(heard.dry, 0);
  assert.equal(heard.seeks, 0);
});

test("a longer flush that is announced and not taken for a long time makes it wait, not swing", () => {
  const heard = play({ flush: 0.5, taken: 0.5, seconds: 120, backlog: 1, at: (t, w) => void (w.flush = t > 10 ? 1 : 0.5) });
  assert.equal(heard.dry, 0);
  assert.ok(heard.rates.every((r) => r <= 1));
  assert.ok(heard.rates.slice(-200).every((r) => r === 1));
});

test("down the ladder again it catches up by playing faster", () => {
  const heard = play({
    flush: 4,
    taken: 4,
    seconds: 240,
    backlog: 5,
    at(t, w) {
      if (t > 30) w.flush = w.taken = 0.5;
    },
  });
  assert.equal(heard.dry, 0);
  assert.ok(heard.rates.some((r) => r > 1.03));
  assert.ok(heard.behind < 1.4, `${heard.behind}`);
});

test("arrivals that jitter by 0.3 s do not make it run dry, nor change speed all the time", () => {
  let seed = 7;
  const random = () => ((seed = (seed * 16807) % 2147483647) - 1) / 2147483646;
  const heard = play({ flush: 0.5, taken: 0.5, seconds: 180, backlog: 1, jitter: () => 0.3 * random() });
  assert.equal(heard.dry, 0);
  const changes = heard.rates.filter((r, i) => i && r !== heard.rates[i - 1]).length;
  assert.ok(changes < 40, `${changes} changes in 720 looks`);
});

test("a laptop that slept jumps to the wish instead of catching up for minutes", () => {
  const controller = new Controller();
  const input = { now: 100, currentTime: 500, buffered: [[490, 540]] as Range[], flush: 0.5 };
  assert.equal(controller.step(input).seekTo, 539);
});

test("a hole is jumped, and only when it is reached", () => {
  const controller = new Controller();
  const buffered: Range[] = [[10, 20], [22, 23]];
  assert.equal(controller.step({ now: 1, currentTime: 18, buffered, flush: 0.5 }).seekTo, null);
  assert.equal(controller.step({ now: 3, currentTime: 19.95, buffered, flush: 0.5 }).seekTo, 22);
});

test("the first sound is where the buffer begins, whatever hour of the room it is", () => {
  assert.equal(new Controller().step({ now: 1, currentTime: 0, buffered: [[7200, 7201]], flush: 0.5 }).seekTo, 7200);
});

test("nothing buffered: wait", () => {
  assert.deepEqual(new Controller().step({ now: 1, currentTime: 0, buffered: [], flush: 1 }), { rate: 1, seekTo: null });
});

test("each time it ran dry the wish rises, to a limit, and falls again", () => {
  const controller = new Controller();
  const before = controller.wish(0.5);
  for (let i = 0; i < 9; i++) controller.ranDry(i);
  assert.equal(controller.wish(0.5), before + 1.5);
  for (const now of [100, 170, 240]) controller.step({ now, currentTime: now, buffered: [[0, now + 1]], flush: 0.5 });
  assert.equal(controller.wish(0.5), before);
});

test("after running dry, sound is held back half a second, or until there is plenty", () => {
  assert.equal(mayGoOn(0, 10, 0.5), false);
  assert.equal(mayGoOn(0.5, 0.1, 0.5), false);
  assert.equal(mayGoOn(0.5, 0.5, 0.5), true);
  assert.equal(mayGoOn(1, 0, 0.5), true);
});
