/** What the page says and offers, from what is known. Pure: one table, read from the top. */
import type { Sentence } from "../words/en.ts";
import type { RoomState } from "./state.ts";

/** Where the listener is. */
export type Phase =
  | "idle" // has not tapped yet
  | "armed" // has tapped before the doors opened
  | "connecting"
  | "sounding"
  | "dry" // nothing left to play, the connection stands
  | "reconnecting"
  | "full"
  | "paused"
  | "tap" // the browser wants another tap
  | "ended" // played to the end
  | "absent"
  | "invitation" // without a good link to a room that takes one
  | "unsupported";

export interface Known {
  phase: Phase;
  /** Null before the first word of the server. */
  room: RoomState | null;
  /** Whether sound is being heard, which outlives a lost connection by what is in hand. */
  heard: boolean;
  online: boolean;
  /** The announced time is over and it has not begun. */
  late?: boolean;
  /** It was announced for another time before. */
  moved?: boolean;
}

export type Button = "play" | "await" | "stop" | "none";
export interface Screen {
  says: Sentence;
  button: Button;
  busy: boolean;
}

const IDLE: Record<RoomState, Sentence> = {
  scheduled: "soon",
  open: "idleOpen",
  live: "idleLive",
  interrupted: "idleInterrupted",
  ended: "ended",
  cancelled: "cancelled",
};

export function screen({ phase, room, heard, online, late, moved }: Known): Screen {
  const say = (says: Sentence, button: Button, busy = false): Screen => ({ says, button, busy });
  if (phase === "unsupported" || phase === "absent" || phase === "invitation") return say(phase, "none");
  if (phase === "ended" || (!heard && (room === "ended" || room === "cancelled")))
    return say(room === "cancelled" ? "cancelled" : "ended", "none");
  if (phase === "idle") {
    const says = late ? "late" : room === "scheduled" && moved ? "moved" : room ? IDLE[room] : "ready";
    return say(says, room === "scheduled" ? "await" : "play");
  }
  if (phase === "paused" || phase === "tap") return say(phase, "play");
  if (phase === "armed") return say(late ? "late" : moved ? "movedIn" : "armed", "stop");
  if (phase === "full") return say("full", "stop", true);
  if (heard || phase === "dry") {
    if (room === "interrupted") return say("interrupted", "stop");
    if (heard) return say(room === "open" ? (late ? "late" : "open") : "live", "stop");
    return say(online ? "dry" : "offline", "stop", true);
  }
  if (phase === "reconnecting") return say(online ? "reconnecting" : "offline", "stop", true);
  return say("connecting", "stop", true);
}
