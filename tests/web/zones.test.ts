/** Times of day in time zones, also in the hours that do not exist or come twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { local, moments, offsetMs, offsetName, zones } from "../../src/rostra/web/src/console/zones.ts";

const iso = (at: number[]): string[] => at.map((ms) => new Date(ms).toISOString());

test("an ordinary evening", () => {
  assert.deepEqual(iso(moments("2031-05-01T20:00", "Europe/Berlin")), ["2031-05-01T18:00:00.000Z"]);
  assert.deepEqual(iso(moments("2031-05-01T20:00", "Asia/Kathmandu")), ["2031-05-01T14:15:00.000Z"]);
  assert.deepEqual(iso(moments("2031-05-01T20:00", "Pacific/Kiritimati")), ["2031-05-01T06:00:00.000Z"]);
  assert.deepEqual(iso(moments("2031-12-31T23:30", "America/Los_Angeles")), ["2032-01-01T07:30:00.000Z"]);
});

test("an hour that is skipped is no moment", () => {
  assert.deepEqual(moments("2026-03-29T02:30", "Europe/Berlin"), []);
  assert.equal(moments("2026-03-29T03:30", "Europe/Berlin").length, 1);
});

test("an hour that comes twice is two, the earlier first", () => {
  assert.deepEqual(iso(moments("2026-10-25T02:30", "Europe/Berlin")), ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"]);
  const [first, second] = moments("2026-10-25T02:30", "Europe/Berlin");
  assert.equal(offsetName(first!, "Europe/Berlin"), "UTC+2");
  assert.equal(offsetName(second!, "Europe/Berlin"), "UTC+1");
});

test("there and back, for a year of hours in a zone with half an hour of summer time", () => {
  const zone = "Australia/Lord_Howe";
  for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 3_600_000)
    assert.ok(moments(local(at, zone), zone).includes(at), new Date(at).toISOString());
});

test("what is no time is no moment; a zone that is none is an error", () => {
  assert.deepEqual(moments("", "UTC"), []);
  assert.deepEqual(moments("soon", "UTC"), []);
  assert.throws(() => offsetMs(0, "Europe/Atlantis"), RangeError);
});

test("offsets have names", () => {
  assert.equal(offsetName(0, "UTC"), "UTC+0");
  assert.equal(offsetName(Date.UTC(2026, 0, 1), "America/St_Johns"), "UTC-3:30");
});

test("the zones to choose from hold UTC and the room's own", () => {
  const all = zones("Etc/GMT+5");
  assert.ok(all.includes("UTC") && all.includes("Etc/GMT+5") && all.includes("Europe/Berlin"));
  assert.deepEqual(all, [...all].sort());
});
