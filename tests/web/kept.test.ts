/** Tickets, with storage and without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kept, type Shelf } from "../../src/rostra/web/src/listen/kept.ts";

function shelf(): Shelf & { all: Map<string, string> } {
  const all = new Map<string, string>();
  return { all, getItem: (n) => all.get(n) ?? null, setItem: (n, v) => void all.set(n, v) };
}

test("a ticket is there when one comes back, under one name", () => {
  const s = shelf();
  new Kept("/r/sea/", () => s).put("hand", "t1");
  new Kept("/r/lake/", () => s).put("rsvp", "t2");
  const back = new Kept("/r/sea/", () => s);
  assert.equal(back.get("hand"), "t1");
  assert.equal(back.get("rsvp"), undefined);
  back.put("hand", undefined);
  assert.equal(new Kept("/r/sea/", () => s).get("hand"), undefined);
  assert.equal(new Kept("/r/lake/", () => s).get("rsvp"), "t2");
  assert.deepEqual([...s.all.keys()], ["rostra"]);
});

test("without storage a ticket is known until the page is closed", () => {
  const kept = new Kept("/r/sea/", () => {
    throw new Error("denied");
  });
  kept.put("rsvp", "t");
  assert.equal(kept.get("rsvp"), "t");
});

test("what somebody else left under the name does no harm", () => {
  for (const found of ["", "7", "{", "[[1]]", '{"a":1}', "[null]"]) {
    const s = shelf();
    s.all.set("rostra", found);
    const kept = new Kept("/r/sea/", () => s);
    assert.equal(kept.get("hand"), undefined);
    kept.put("hand", "t");
    assert.equal(new Kept("/r/sea/", () => s).get("hand"), "t");
  }
});

test("the latest rooms are kept and no more", () => {
  const s = shelf();
  for (let i = 0; i < 80; i++) new Kept(`/r/${i}/`, () => s).put("rsvp", "t");
  assert.equal((JSON.parse(s.all.get("rostra")!) as unknown[]).length, 50);
  assert.equal(new Kept("/r/79/", () => s).get("rsvp"), "t");
  assert.equal(new Kept("/r/0/", () => s).get("rsvp"), undefined);
});
