/** Whatever a server answers, the pages hold whole values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "../../src/rostra/web/src/console/values.ts";

test("nonsense is read as plain values, not thrown at the page", () => {
  for (const nonsense of [null, undefined, 7, "text", [], {}, { seats: 3, items: "x", notes: {} }]) {
    assert.deepEqual(v.people(nonsense).people, []);
    assert.equal(v.room(nonsense).title, "");
    assert.deepEqual(v.me(nonsense), { seat: null, notes: [], state: "" });
    assert.deepEqual(v.links(nonsense).personal, []);
    assert.equal(v.person(nonsense).muted, false);
    assert.deepEqual(v.paged(nonsense, v.hand).items, []);
  }
});

test("a person as the stage describes them", () => {
  const p = v.person({ id: "s1", name: "Ada", role: "host", state: "here", muted: true, level: -20, loss_percent: 0.5, delay_ms: 80, echo: true, source: "silent" });
  assert.deepEqual(p, { seat: "s1", name: "Ada", role: "host", state: "here", muted: true, level: -20, loss: 0.5, delay: 80, echo: true, source: "silent" });
});

test("a page of a list, with and without the number of all", () => {
  const page = v.paged({ items: [{ ticket: "t", name: "n", why: "w", at: 1 }], next: "20", total: 10_000 }, v.hand);
  assert.deepEqual(page, { items: [{ ticket: "t", name: "n", why: "w", at: "1970-01-01T00:00:01.000Z" }], next: "20", total: 10_000 });
  assert.deepEqual(v.paged({ items: [], next: null }, v.hand), { items: [], next: "", total: null });
});

test("links, whether they stand by themselves or with personal ones", () => {
  assert.equal(v.links({ host: "h", public: "p" }).shared["host"], "h");
  const both = v.links({ shared: { host: "h" }, items: [{ identity: "j1", role: "speaker", name: "M", revoked: "2026-01-01T00:00:00Z" }] });
  assert.deepEqual(both, { shared: { host: "h" }, personal: [{ identity: "j1", role: "speaker", name: "M", revoked: true }], next: "" });
});
