/** Posts and zones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder, leadsTo, type Post } from "../../src/rostra/web/src/listen/posting.ts";
import { inZone, place } from "../../src/rostra/web/src/listen/zone.ts";

const post = (id: string, pinned = false): Post => ({ id, pinned, at: 0, by: "Ada", text: id, link: "", picture: "" });

test("the pinned come first, the others stay as they are", () => {
  assert.deepEqual(inOrder([post("4"), post("3", true), post("2")]).map((p) => p.id), ["3", "4", "2"]);
});

test("a link leads to a site of the web or nowhere", () => {
  assert.equal(leadsTo("https://example.org/a?b"), "example.org");
  for (const bad of ["", "javascript:alert(1)", "data:text/html,x", "//no", "https://"]) assert.equal(leadsTo(bad), null, bad);
});

test("the room's zone is named where its clocks show something else", () => {
  const at = Date.UTC(2031, 4, 1, 18, 0) / 1000;
  assert.match(inZone(at, "Europe/Berlin", "en-GB", "America/New_York"), /20:00/);
  assert.equal(inZone(at, "Europe/Paris", "en-GB", "Europe/Berlin"), "");
  assert.equal(inZone(at, "Mars/Olympus", "en-GB"), "");
  assert.equal(place("America/New_York"), "New York");
  assert.equal(place("UTC"), "UTC");
});
