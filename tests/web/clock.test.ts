/** The countdown goes by the server's clock, whatever the phone's says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerClock } from "../../src/rostra/web/src/console/clock.ts";

/** An answer made at the server's time `at`, whose `Date` names the whole second of it. */
const date = (at: number): string => new Date(Math.floor(at / 1000) * 1000).toUTCString();

test("before the first answer it is ours", () => {
  assert.equal(new ServerClock().at(1234), 1234);
});

test("a phone whose clock is an hour wrong counts down rightly, after some answers to within a quarter second", () => {
  for (const wrong of [-3_600_000, 0, 3_600_000]) {
    const clock = new ServerClock();
    const start = 1_795_500_000_123;
    for (let i = 0; i < 40; i++) {
      const server = start + i * 1040;
      clock.heard(date(server), server + wrong - 20, server + wrong + 30);
    }
    const now = start + 60_000;
    assert.ok(Math.abs(clock.at(now + wrong) - now) <= 600, `${clock.at(now + wrong) - now} ms off`);
  }
});

test("a clock that is set meanwhile is noticed", () => {
  const clock = new ServerClock();
  const at = 1_795_500_000_000;
  clock.heard(date(at), at, at + 50);
  const jump = 7_200_000;
  clock.heard(date(at + 5000), at + 5000 + jump, at + 5050 + jump);
  assert.ok(Math.abs(clock.at(at + 6000 + jump) - (at + 6000)) <= 1100);
});

test("an answer without a date, or with nonsense for one, says nothing", () => {
  const clock = new ServerClock();
  clock.heard(null, 0, 1);
  clock.heard("yesterday", 0, 1);
  assert.equal(clock.at(77), 77);
});
