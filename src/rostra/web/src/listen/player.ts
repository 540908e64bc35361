/** What the page knows of a player, whichever way the sound comes. */
import type { Link } from "./stream.ts";

export interface PlayerEvents {
  link(link: Link): void;
  sounding(): void;
  dry(): void;
  /** A snapshot's JSON (wire/listeners.py), at the moment when the sound it belongs to is heard. */
  snapshot(json: string): void;
  /** The edge's own words, at once. */
  notice(notice: Notice): void;
  /** The sound has played to its end after the edge said that the room has ended. */
  finished(): void;
  /** This way does not work here: another may. */
  unusable(): void;
}

export interface Notice {
  e: string;
  in_s?: number;
  flush_s?: number;
  /** Of a room that was moved: when it begins. */
  at?: number;
  /** Of the board. */
  version?: number;
  /** Of the door: the step it takes, and a word that lets us in again. */
  step?: number;
  inside?: number;
}

export interface Figures {
  via: "push" | "native" | "hls";
  rendition: "opus" | "aac";
  bufferS: number;
  behindS: number | null;
  flushS: number | null;
  mediaTimeS: number;
  rate: number;
  underruns: number;
  reconnects: number;
  bytes: number;
}

export interface Player {
  start(): void;
  stop(): void;
  /** The network is back. */
  hurry(): void;
  figures(): Figures;
}
