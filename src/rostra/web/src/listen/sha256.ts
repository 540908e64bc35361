/**
 * SHA-256 (FIPS 180-4) and PBKDF2 (RFC 8018) without the browser's help: pages that come by plain HTTP from another machine
 * have no WebCrypto, and a rank is wanted without waiting for a promise. Pure.
 */

/** The first 32 bits of the fractions of roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3). */
const K = new Int32Array(64);
const START = new Int32Array(8);
{
  const bits = (x: number) => ((x % 1) * 2 ** 32) | 0;
  for (let p = 2, n = 0; n < 64; p++) {
    let d = 2;
    while (p % d) d++;
    if (d < p) continue;
    if (n < 8) START[n] = bits(Math.sqrt(p));
    K[n++] = bits(Math.cbrt(p));
  }
}

const W = new Int32Array(64);

/** One block, in the first 16 of `W`, into `h`. */
function block(h: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15]!;
    const y = W[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16]! + s0 + W[i - 7]! + s1) | 0;
  }
  let a = h[0]!, b = h[1]!, c = h[2]!, d = h[3]!, e = h[4]!, f = h[5]!, g = h[6]!, z = h[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (z + s1 + ((e & f) ^ (~e & g)) + K[i]! + W[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    z = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  h[0] = (h[0]! + a) | 0;
  h[1] = (h[1]! + b) | 0;
  h[2] = (h[2]! + c) | 0;
  h[3] = (h[3]! + d) | 0;
  h[4] = (h[4]! + e) | 0;
  h[5] = (h[5]! + f) | 0;
  h[6] = (h[6]! + g) | 0;
  h[7] = (h[7]! + z) | 0;
}

/** All of `bytes` into `h`, `before` bytes of which went in already. */
function digest(h: Int32Array, bytes: Uint8Array, before = 0): Int32Array {
  const padded = new Uint8Array(((bytes.length + 8) >> 6) * 64 + 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, (bytes.length + before) * 8);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) W[i] = view.getInt32(at + 4 * i);
    block(h);
  }
  return h;
}

function bytesOf(h: Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  h.forEach((x, i) => view.setInt32(4 * i, x));
  return new Uint8Array(view.buffer);
}

/** For what is shorter than half a gigabyte. */
export const sha256 = (bytes: Uint8Array): Uint8Array => bytesOf(digest(START.slice(), bytes));

/** PBKDF2 with HMAC-SHA-256, 32 bytes. `password` of 64 bytes at most. */
export function pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  const pad = (x: number): Int32Array => {
    const key = new Uint8Array(64).fill(x);
    password.forEach((byte, i) => (key[i] = byte ^ x));
    const view = new DataView(key.buffer);
    for (let i = 0; i < 16; i++) W[i] = view.getInt32(4 * i);
    const h = START.slice();
    block(h);
    return h;
  };
  const inner = pad(0x36);
  const outer = pad(0x5c);
  const first = new Uint8Array(salt.length + 4);
  first.set(salt);
  first[salt.length + 3] = 1;
  const u = digest(outer.slice(), bytesOf(digest(inner.slice(), first, 64)), 64);
  const sum = u.slice();
  for (let n = 1; n < iterations; n++) {
    for (const half of [inner, outer]) {
      // 32 bytes after a block of the key: 768 bits.
      W.set(u);
      W.fill(0, 8, 16);
      W[8] = 1 << 31;
      W[15] = 768;
      u.set(half);
      block(u);
    }
    for (let i = 0; i < 8; i++) sum[i]! ^= u[i]!;
  }
  return bytesOf(sum);
}
