/** The server's time, whatever the phone's clock says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerTime } from "../../src/rostra/web/src/listen/servertime.ts";

test("before the first answer no time is near", () => {
  assert.equal(new ServerTime().at(12), -Infinity);
});

test("what a cache kept for a while does not set the clock back", () => {
  const time = new ServerTime();
  time.learn(1000, 10);
  time.learn(1001, 14); // As old as three seconds.
  assert.equal(time.at(20), 1010);
  time.learn(1009.5, 19);
  assert.equal(time.at(20), 1010.5);
});

test("no date, or one that is none, is no time", () => {
  const time = new ServerTime();
  time.learn(Number.NaN, 1);
  time.learn(0, 1);
  assert.equal(time.at(5), -Infinity);
});

test("a server whose clock was set back is believed after a few answers", () => {
  const time = new ServerTime();
  time.learn(5000, 0);
  for (let i = 1; i <= 8; i++) time.learn(4000 + i, i);
  assert.equal(time.at(10), 4010);
});

test("a device that slept is found out, and learns the time anew", () => {
  const time = new ServerTime();
  time.learn(1000, 0);
  assert.equal(time.slept(1, 50_001), false);
  assert.equal(time.slept(2, 50_002.2), false);
  assert.equal(time.slept(60, 50_060), false, "a timer that was held back in a tab nobody sees");
  assert.equal(time.slept(61, 53_661), true);
  assert.equal(time.at(61), -Infinity);
  assert.equal(time.slept(62, 53_662), false);
});
