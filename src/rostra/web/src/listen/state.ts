/** What is told of a room: by `/state`, and by the snapshots in the parts (wire/listeners.py). */
import type { Told } from "./standing.ts";

export type RoomState = "scheduled" | "open" | "live" | "interrupted" | "ended" | "cancelled";

export interface Seat {
  i: string;
  n: string;
  r: string;
  m?: number;
}

/** What `Told` says is there while somebody waits at the door. */
export interface State extends Partial<Told> {
  /** Absent while there is room for everyone. */
  door?: { step: string };
  id: string;
  title: string;
  state: RoomState;
  at: number;
  now: number;
  /** When media time began, by the server's clock; 0 before. */
  epoch: number;
  started: number;
  ended: number;
  listening: number;
  stage: Seat[];
  flush_s: number;
  words: string;
  tz: string;
  speakers: string[];
  picture: string;
  /** When the doors open by themselves. */
  doors: number;
  invited: boolean;
  /** The board's version. */
  posts: number;
  late: boolean;
  /** How often it was moved to another time. */
  moved: number;
  /** Why it was moved or cancelled. */
  note: string;
}

export interface Snapshot {
  v: number;
  s: RoomState;
  n: number;
  l: Record<string, number>;
  st?: Seat[];
  /** Reactions of the last second. */
  x?: Record<string, number>;
  /** The board's version. */
  p?: number;
}
