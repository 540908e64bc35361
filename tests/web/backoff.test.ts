/** Thousands that are dropped at once must not come back at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, FIRST_S, MAX_S, told } from "../../src/rostra/web/src/listen/backoff.ts";

test("3,000 dropped at once come back spread over seconds, and all within 3 s", () => {
  const back = Array.from({ length: 3000 }, (_, i) => backoff(0, i / 3000));
  assert.ok(Math.min(...back) >= FIRST_S);
  assert.ok(Math.max(...back) < 3);
  for (let s = 0; s < 3; s += 0.1) {
    const inThisTenth = back.filter((t) => t >= s && t < s + 0.1).length;
    assert.ok(inThisTenth <= 140, `${inThisTenth} between ${s} and ${s + 0.1} s`);
  }
});

test("each further try spreads wider, to half a minute", () => {
  const widest = [0, 1, 2, 3, 4, 50].map((n) => backoff(n, 0.999999));
  assert.deepEqual(widest.map(Math.ceil), [3, 5, 10, 20, 30, 30]);
  assert.ok(backoff(1000, 1) <= MAX_S);
  assert.equal(backoff(5, 0), FIRST_S);
});

test("what the server told is not undercut, and is spread", () => {
  assert.equal(told(8, 0), 8);
  assert.equal(told(8, 0.999999) < 10.001, true);
  assert.ok(told(0, 0.5) > 0);
  assert.ok(told(1e9, 0.5) < 800);
});
