/** SHA-256 and PBKDF2 of our own, against node's. */
import assert from "node:assert/strict";
import { createHash, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { hex } from "../../src/rostra/web/src/listen/challenge.ts";
import { pbkdf2, sha256 } from "../../src/rostra/web/src/listen/sha256.ts";

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 37 + 11) % 256);

test("every length around a block, and a long one", () => {
  for (const n of [...Array(140).keys(), 1000, 65_537])
    assert.equal(hex(sha256(bytes(n))), createHash("sha256").update(bytes(n)).digest("hex"), `${n} bytes`);
});

test("keys, whatever the password, the salt and the rounds", () => {
  for (const [password, salt, rounds] of [[0, 0, 1], [20, 16, 1], [20, 16, 2], [20, 16, 200], [64, 60, 3], [1, 200, 7]] as const)
    assert.equal(
      hex(pbkdf2(bytes(password), bytes(salt), rounds)),
      pbkdf2Sync(bytes(password), bytes(salt), rounds, 32, "sha256").toString("hex"),
    );
});
