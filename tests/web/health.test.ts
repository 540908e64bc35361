/** What is said of a microphone must be true: a listener's silence is no fault. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Health } from "../../src/rostra/web/src/console/health.ts";

function hear(health: Health, fromS: number, seconds: number, db: number, peak = 0.1, muted = false): number {
  let now = fromS;
  for (; now < fromS + seconds; now += 0.1) health.take(now, db, peak, muted);
  return now;
}

test("a voice is heard after a fifth of a second of it, a click is none", () => {
  const health = new Health();
  hear(health, 0, 0.15, -30);
  assert.equal(health.heard, false);
  hear(health, 1, 0.4, -30);
  assert.equal(health.heard, true);
});

test("a microphone from which no voice ever came looks like the wrong one, after ten seconds", () => {
  const health = new Health();
  let now = hear(health, 0, 9, -70);
  assert.equal(health.complaint(now, ""), "");
  now = hear(health, now, 2, -70);
  assert.equal(health.complaint(now, ""), "wrong");
});

test("who listens for an hour in a quiet room is told nothing", () => {
  const health = new Health();
  let now = hear(health, 0, 2, -25);
  now = hear(health, now, 3600, -72);
  assert.equal(health.complaint(now, ""), "");
});

test("digital nothing after a voice is a switched-off microphone", () => {
  const health = new Health();
  let now = hear(health, 0, 2, -25);
  now = hear(health, now, 9, -120);
  assert.equal(health.complaint(now, ""), "silent");
  now = hear(health, now, 1, -30);
  assert.equal(health.complaint(now, ""), "");
});

test("muted time counts neither for nor against it", () => {
  const health = new Health();
  let now = hear(health, 0, 60, -120, 0, true);
  assert.equal(health.complaint(now, ""), "");
  now = hear(health, now, 5, -70);
  assert.equal(health.complaint(now, ""), "");
});

test("one loud cough is nothing; clipping again and again is told, and stands long enough to be read", () => {
  const health = new Health();
  let now = hear(health, 0, 1, -20);
  health.take(now, -5, 1, false);
  assert.equal(health.complaint(now, ""), "");
  now = hear(health, now, 0.5, -3, 1);
  assert.equal(health.complaint(now, ""), "clipping");
  now = hear(health, now, 3, -30);
  assert.equal(health.complaint(now, ""), "clipping");
  now = hear(health, now, 3, -30);
  assert.equal(health.complaint(now, ""), "");
});

test("the stage's word counts, but a quiet listener is left alone", () => {
  const health = new Health();
  let now = hear(health, 0, 1, -20);
  assert.equal(health.complaint(now, "silent"), "unheard");
  assert.equal(health.complaint(now, "clipping"), "clipping");
  now = hear(health, now, 10, -70);
  assert.equal(health.complaint(now, "silent"), "");
  assert.equal(new Health().complaint(0, "silent"), "wrong");
});
