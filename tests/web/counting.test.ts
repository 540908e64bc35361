/** Reactions: sent, shown, summed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LastMinute, REACTIONS, Sampler, SENT_A_SECOND, shown } from "../../src/rostra/web/src/listen/counting.ts";

test("three of a second are sent, and three of the next", () => {
  const sampler = new Sampler();
  const sent = Array.from({ length: 40 }, (_, i) => sampler.may(i / 20));
  assert.equal(sent.filter(Boolean).length, 2 * SENT_A_SECOND);
  for (let from = 0; from < 20; from++) assert.ok(sent.slice(from, from + 20).filter(Boolean).length <= SENT_A_SECOND);
});

test("few are shown as they are, many in proportion, and never more than may be", () => {
  assert.deepEqual(shown({}, 10), []);
  assert.deepEqual(shown({ "❤": 1, "🎉": 1 }, 10).sort(), ["❤", "🎉"].sort());
  const many = shown({ "❤": 90_000, "👏": 10_000, "😢": 1 }, 10);
  assert.ok(many.length <= 10 && many.filter((k) => k === "❤").length >= 7 && many.includes("👏"));
  assert.ok(shown(Object.fromEntries(REACTIONS.map((k) => [k, 5])), 6).length <= 6);
});

test("what is none of the eight is not shown", () => {
  assert.deepEqual(shown({ "<b>": 12, "💣": 3, "❤": -4 }, 10), []);
});

test("the last minute forgets what is older", () => {
  const minute = new LastMinute();
  minute.add(0, { "❤": 5 });
  minute.add(30, { "❤": 1, "👏": 4 });
  assert.deepEqual(minute.sum(59), [["❤", 6], ["👏", 4]]);
  assert.deepEqual(minute.sum(60), [["👏", 4], ["❤", 1]]);
  assert.deepEqual(minute.sum(200), []);
});
