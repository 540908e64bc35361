/** ALTCHA's proof of work, version 2, as far as our edges ask for it: PBKDF2/SHA-256 until a key begins as told. Pure. */
import { pbkdf2 } from "./sha256.ts";

export interface Challenge {
  parameters: {
    algorithm: string;
    nonce: string;
    salt: string;
    cost: number;
    keyLength: number;
    keyPrefix: string;
    [more: string]: unknown;
  };
  signature: string;
  /** So many counters there are at most. */
  trials?: number;
}

export interface Solution {
  counter: number;
  derivedKey: string;
  /** Milliseconds it took. */
  time: number;
}

export type Derive = (password: Uint8Array, salt: Uint8Array, iterations: number) => Promise<Uint8Array> | Uint8Array;

/** Asked of the browser at once: the calls cost as much as the keys, and several cores may share them. */
const AT_ONCE = 32;
/** What a page never does, whoever asks: minutes of work. */
const MAX_TRIALS = 1_000_000;
const MAX_ITERATIONS = 100_000;

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
export const unhex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (b) => parseInt(b, 16));

/** By the browser where it may; else by ourselves, several times slower. */
export function deriver(subtle: SubtleCrypto | undefined): Derive {
  if (!subtle) return pbkdf2;
  return async (password, salt, iterations) => {
    const key = await subtle.importKey("raw", password as BufferSource, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: salt as BufferSource, iterations };
    return new Uint8Array(await subtle.deriveBits(how, key, 256));
  };
}

/**
 * :param progress: is told how many of how many were tried.
 * :throws Error: it is none of ours, or there is no solution.
 */
export async function solve(
  { parameters, trials = MAX_TRIALS }: Challenge,
  derive: Derive,
  progress: (done: number, of: number) => void,
  now: () => number,
): Promise<Solution> {
  const { algorithm, cost, keyLength, keyPrefix } = parameters;
  if (algorithm !== "PBKDF2/SHA-256" || keyLength !== 32 || !(cost <= MAX_ITERATIONS)) throw new Error("unknown challenge");
  const begun = now();
  const nonce = unhex(parameters.nonce);
  const salt = unhex(parameters.salt);
  const prefix = unhex(keyPrefix);
  const most = Math.min(trials, MAX_TRIALS);
  const tried = async (counter: number): Promise<Uint8Array> => {
    const password = new Uint8Array(nonce.length + 4);
    password.set(nonce);
    new DataView(password.buffer).setUint32(nonce.length, counter);
    return derive(password, salt, cost);
  };
  for (let counter = 0; counter < most; counter += AT_ONCE) {
    const keys = await Promise.all(Array.from({ length: Math.min(AT_ONCE, most - counter) }, (_, i) => tried(counter + i)));
    const found = keys.findIndex((key) => prefix.every((byte, i) => key[i] === byte));
    if (found >= 0) return { counter: counter + found, derivedKey: hex(keys[found]!), time: Math.round(now() - begun) };
    progress(Math.min(counter + AT_ONCE, most), most);
  }
  throw new Error("no solution");
}

/** As the library writes it: base64 of JSON. */
export function answer(challenge: Challenge, solution: Solution): string {
  const { parameters, signature } = challenge;
  return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
}
