/** The proof of work, as the library has it that our edges check it with. */
import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { answer, type Challenge, deriver, hex, solve, unhex } from "../../src/rostra/web/src/listen/challenge.ts";

function asked(counter: number, more: object = {}): Challenge {
  const nonce = "000102030405060708090a0b0c0d0e0f";
  const salt = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
  const password = Buffer.concat([Buffer.from(nonce, "hex"), Buffer.alloc(4)]);
  password.writeUInt32BE(counter, 16);
  const keyPrefix = pbkdf2Sync(password, Buffer.from(salt, "hex"), 200, 16, "sha256").toString("hex");
  const parameters = { algorithm: "PBKDF2/SHA-256", nonce, salt, cost: 200, keyLength: 32, keyPrefix, data: { until: 1 }, ...more };
  return { parameters, signature: "5a", trials: 400 };
}

const quiet = (): void => {};
const now = (): number => 0;

for (const [name, subtle] of [["the browser's", crypto.subtle], ["our own", undefined]] as const)
  test(`the one counter is found by ${name} keys, wherever it is`, async () => {
    for (const counter of [0, 31, 32, 333, 399]) {
      const found = await solve(asked(counter), deriver(subtle), quiet, now);
      assert.equal(found.counter, counter);
      assert.ok(found.derivedKey.startsWith(asked(counter).parameters.keyPrefix));
      assert.equal(found.derivedKey.length, 64);
    }
  });

test("progress is told, and goes forward", async () => {
  const told: number[] = [];
  await solve(asked(300), deriver(undefined), (done, of) => told.push(done / of), now);
  assert.deepEqual(told, [...told].sort((a, b) => a - b));
  assert.ok(told.length > 5 && told.at(-1)! <= 1);
});

test("what has no solution ends, and what is not ours is not begun", async () => {
  await assert.rejects(solve(asked(1, { keyPrefix: "00".repeat(16) }), deriver(undefined), quiet, now), /no solution/);
  for (const more of [{ algorithm: "ARGON2ID" }, { cost: 10 ** 9 }, { cost: "x" }, { keyLength: 64 }])
    await assert.rejects(solve(asked(1, more), () => assert.fail("a key was made"), quiet, now), /unknown challenge/);
});

test("the answer holds the challenge as it came", () => {
  const challenge = asked(7);
  const body: unknown = JSON.parse(atob(answer(challenge, { counter: 7, derivedKey: "ab", time: 5 })));
  const { parameters, signature } = challenge;
  assert.deepEqual(body, { challenge: { parameters, signature }, solution: { counter: 7, derivedKey: "ab", time: 5 } });
});

test("hex there and back", () => assert.equal(hex(unhex("00ff10a5")), "00ff10a5"));
