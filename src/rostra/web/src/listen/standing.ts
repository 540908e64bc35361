/**
 * Where a pass stands on its line, from what `/state` tells everyone. Pure; the rules are those of `admission/waiting.py`, which
 * the tests hold it against.
 */
import { sha256 } from "./sha256.ts";

export const LINES = ["rsvp", "early", "late", "crowded"] as const;
export type LineName = (typeof LINES)[number];

/** What `/state` says while somebody waits. */
export interface Told {
  /** By line: whose rank is below is called. */
  serving: Record<LineName, number>;
  /** By line: so many wait with a rank below; evenly in between. */
  ahead: Partial<Record<LineName, [rank: number, count: number][]>>;
  /** Called in a second: over half a minute, over five. */
  pace: [number, number];
  /** Drawn when the doors opened, hex; empty before. */
  seed: string;
  /** When they opened. */
  start: number;
}

export interface Held {
  line: LineName;
  /** UTC seconds. */
  at: number;
  id: Uint8Array;
  /** Given to somebody who was inside: it is called already. */
  inside?: boolean;
}

export interface Standing {
  called: boolean;
  /** So many are called until then, themselves included; 0: they are called. */
  position: number;
  giveOrTake: number;
  soonestS: number | null;
  latestS: number | null;
}

const SHUFFLED = 2 ** 32;
const CROWDED_ONE_OF = 20;
/** Fewer than one in a minute: no time can be told. */
const SLOWEST = 1 / 60;

/** What a pass says of itself (`wire/passes.py`); null: it is none. */
export function read(pass: string): Held | null {
  if (!/^[\w-]{54}$/.test(pass)) return null;
  const bytes = Uint8Array.from(atob(pass.replaceAll("-", "+").replaceAll("_", "/") + "=="), (c) => c.charCodeAt(0));
  const line = LINES[bytes[2]! - 1];
  if (bytes[0] !== 1 || !line) return null;
  const view = new DataView(bytes.buffer);
  return { line, at: (view.getUint16(10) * SHUFFLED + view.getUint32(12)) / 1000, id: bytes.slice(16, 24), ...(bytes[3] ? { inside: true } : {}) };
}

/** Null: it is drawn when the doors open. */
export function rank({ at, id }: Held, { seed, start }: Told): number | null {
  if (!seed) return null;
  if (at >= start) return SHUFFLED + Math.floor((at - start) * 1000);
  const bytes = Uint8Array.from(seed.match(/../g)!, (b) => parseInt(b, 16));
  return new DataView(sha256(Uint8Array.from([...bytes, ...id])).buffer).getUint32(0);
}

export function standing(held: Held, told: Told): Standing {
  const mine = rank(held, told);
  if (held.inside || (mine !== null && mine < told.serving[held.line])) return { called: true, position: 0, giveOrTake: 0, soonestS: 0, latestS: 0 };
  const waits = (line: LineName): number => told.ahead[line]?.at(-1)?.[1] ?? 0;
  const [own, error] = below(told.ahead[held.line] ?? [], mine);
  let number = own;
  for (const line of LINES.slice(0, LINES.indexOf(held.line))) number += waits(line);
  if (held.line === "crowded") number = Math.min(number, own * CROWDED_ONE_OF);
  else if (waits("crowded")) number += Math.min(number / (CROWDED_ONE_OF - 1), waits("crowded"));
  const position = Math.floor(number) + 1;
  const fastest = Math.max(...told.pace);
  const here = { called: false, position, giveOrTake: Math.ceil(error), soonestS: null, latestS: null };
  if (fastest < SLOWEST) return here;
  const spread = error + 2 * Math.sqrt(position);
  return {
    ...here,
    soonestS: Math.max(0, position - spread) / fastest,
    latestS: (position + spread) / Math.max(Math.min(...told.pace), fastest / 4),
  };
}

/** How many wait below `rank`, and by how much that may be wrong. */
function below(points: [number, number][], rank: number | null): [number, number] {
  const all = points.at(-1)?.[1] ?? 0;
  if (rank === null) return [all / 2, all / 2];
  const i = points.findIndex(([high]) => high > rank);
  if (i < 0) return [all, 0];
  if (i === 0) return [0, 0];
  const [low, before] = points[i - 1]!;
  const [high, after] = points[i]!;
  return [before + ((after - before) * (rank - low)) / (high - low), (after - before) / 2];
}

/** How often who stands there asks for the state, seconds: often near the front, once a minute far from it. While nobody
 * is called, as if one a second were, and never less often than every 20 s: a place that gets free must not stay empty. */
export const askS = (s: Standing): number => Math.min(60, Math.max(2, (s.soonestS ?? Math.min(160, s.position)) / 8));

/** A number as it may be said of something that is not exact: two digits of it. */
export function roughly(n: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, n))) - 1);
  return Math.round(n / step) * step;
}
