/** What the page says, for every place a listener can be in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Known, type Phase, screen } from "../../src/rostra/web/src/listen/screen.ts";
import type { RoomState } from "../../src/rostra/web/src/listen/state.ts";
import { en } from "../../src/rostra/web/src/words/en.ts";

const at = (phase: Phase, room: RoomState | null, more: Partial<Known> = {}) =>
  screen({ phase, room, heard: phase === "sounding", online: true, ...more });

const PHASES: Phase[] = ["idle", "armed", "connecting", "sounding", "dry", "reconnecting", "full", "paused", "tap", "ended", "absent", "invitation", "unsupported"];
const ROOMS: (RoomState | null)[] = [null, "scheduled", "open", "live", "interrupted", "ended", "cancelled"];

test("whatever is the case, there is a sentence for it", () => {
  for (const phase of PHASES)
    for (const room of ROOMS)
      for (const heard of [true, false])
        for (const online of [true, false])
          for (const late of [true, false]) {
            const s = screen({ phase, room, heard, online, late, moved: !late });
            assert.equal(en[s.says].length, 2, s.says);
            assert.ok(en[s.says][0]);
          }
});

test("interrupted is not ended, and neither is a lost connection", () => {
  assert.deepEqual(at("sounding", "interrupted"), { says: "interrupted", button: "stop", busy: false });
  assert.equal(at("dry", "interrupted").says, "interrupted");
  assert.deepEqual(at("ended", "ended"), { says: "ended", button: "none", busy: false });
  assert.equal(at("reconnecting", "live").says, "reconnecting");
});

test("a connection that is lost is not told while sound is in hand", () => {
  assert.equal(at("reconnecting", "live", { heard: true }).says, "live");
});

test("before the doors open one may wait, after that one may listen", () => {
  assert.deepEqual(at("idle", "scheduled"), { says: "soon", button: "await", busy: false });
  assert.equal(at("armed", "scheduled").says, "armed");
  assert.equal(at("idle", "live").button, "play");
  assert.equal(at("idle", null).button, "play");
});

test("who is offline is told so", () => {
  assert.equal(at("reconnecting", "live", { online: false }).says, "offline");
  assert.equal(at("sounding", "live", { online: false }).says, "live");
});

test("an ended room offers nothing to press", () => {
  assert.equal(at("idle", "ended").button, "none");
  assert.equal(at("idle", "cancelled").says, "cancelled");
  assert.equal(at("sounding", "ended").says, "live", "what is in hand is still played");
});

test("a host who is late is told of, to those who wait and to those who hold the stream", () => {
  assert.deepEqual(at("idle", "scheduled", { late: true }), { says: "late", button: "await", busy: false });
  assert.deepEqual(at("idle", "open", { late: true }), { says: "late", button: "play", busy: false });
  assert.equal(at("armed", "scheduled", { late: true }).says, "late");
  assert.equal(at("sounding", "open", { late: true }).says, "late");
  assert.equal(at("sounding", "live").says, "live");
});

test("a room that was moved says so, also to who waits", () => {
  assert.deepEqual(at("idle", "scheduled", { moved: true }), { says: "moved", button: "await", busy: false });
  assert.equal(at("armed", "scheduled", { moved: true }).says, "movedIn");
  assert.equal(at("armed", "scheduled", { moved: true, late: true }).says, "late");
  assert.equal(at("idle", "open", { moved: true }).says, "idleOpen");
});

test("without a link to a room that takes one there is nothing to press", () => {
  assert.deepEqual(at("invitation", null), { says: "invitation", button: "none", busy: false });
});
