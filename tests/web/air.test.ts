/** On air is said only when it is so, and never by colour alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { airOf, airWords, iconOf, standsAt, titleOf, type Air } from "../../src/rostra/web/src/console/air.ts";

test("only who is on stage, unmuted, in a room that is live, is on air", () => {
  const rooms = ["scheduled", "open", "live", "interrupted", "ended", "cancelled", ""];
  const places = ["idle", "joining", "on", "lost", "replaced", "removed", "left", "over", "failed"] as const;
  for (const room of rooms)
    for (const at of places)
      for (const muted of [false, true]) {
        const live = room === "live" || room === "interrupted";
        const air = airOf(room, at, muted);
        assert.equal(air === "on", live && at === "on" && !muted, `${room} ${at} ${muted}`);
        assert.equal(air === "muted", live && at === "on" && muted);
        assert.equal(air === "over", room === "ended" || room === "cancelled");
      }
});

test("from the moment that what is said will go out, whatever listeners hear meanwhile", () => {
  assert.equal(standsAt("open", false, "live"), "live", "the record is late by the broadcast delay");
  assert.equal(standsAt("open", false, "interrupted"), "interrupted");
  assert.equal(standsAt("open", true, "open"), "live", "the host said go, and the stage was asked before");
  assert.equal(standsAt("open", true, ""), "live");
  assert.equal(standsAt("open", false, ""), "open");
  assert.equal(standsAt("open", false, "scheduled"), "open");
  assert.equal(standsAt("live", true, "open"), "live", "no news from before the start takes it off air");
  assert.equal(standsAt("live", true, "interrupted"), "interrupted");
  assert.equal(standsAt("interrupted", true, "live"), "live");
  assert.equal(standsAt("live", true, "ended"), "ended", "what is on its way is said already");
  for (const record of ["", "scheduled", "ended", "cancelled"]) assert.equal(standsAt(record, true, "live"), record);
});

test("each sign has words, a mark in the title and a shape of its own", () => {
  const all: Air[] = ["on", "muted", "off", "over"];
  for (const sign of [(a: Air) => airWords(a, true, 0)[0], (a: Air) => titleOf(a, "x"), (a: Air) => iconOf(a).replaceAll(/%23[0-9a-f]{6}/g, "")])
    assert.equal(new Set(all.map(sign)).size, all.length);
  assert.equal(titleOf("on", "Tides"), "● ON AIR · Tides");
  assert.equal(titleOf("off", "Tides"), "○ OFF AIR · Tides");
});

test("off air says who hears one all the same", () => {
  assert.equal(airWords("off", true, 0)[1], "Nobody but the stage hears you");
  assert.equal(airWords("off", false, 0)[1], "Nobody hears you");
  assert.equal(airWords("on", true, 7)[1], "Listeners hear you, 7 seconds later");
});
