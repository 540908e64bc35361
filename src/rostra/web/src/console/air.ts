/** Whether this person is heard by listeners, and the signs of it: words, title, icon. Pure. */
import { c } from "../words/console.en.ts";
import type { SessionState } from "./session.ts";

/** `live`: the room is on air, and this person is not heard in it. */
export type Air = "on" | "muted" | "live" | "off" | "over";

export function airOf(room: string, at: SessionState["at"], muted: boolean): Air {
  if (room === "ended" || room === "cancelled") return "over";
  if (room !== "live" && room !== "interrupted") return "off";
  return at !== "on" ? "live" : muted ? "muted" : "on";
}

/**
 * Where the room is for who speaks, by its record and by what the stage says of itself. The record follows with what
 * listeners hear: late by the broadcast delay, and what is said meanwhile goes out all the same.
 */
export function standsAt(record: string, go: boolean, stage: string): string {
  const onAir = record === "live" || record === "interrupted";
  if (!onAir && record !== "open") return record;
  if (stage === "ended") return stage;
  if (record === "open") return stage === "live" || stage === "interrupted" ? stage : go ? "live" : record;
  return stage === "live" || stage === "interrupted" ? stage : record;
}

/** The sign in letters, and the sentence beside it. */
export function airWords(air: Air, joined: boolean, delayS: number): [string, string] {
  switch (air) {
    case "on":
      return [c.air.on, delayS > 0 ? c.air.heardLater(delayS) : c.air.heard];
    case "muted":
      return [c.air.muted, c.air.mutedMore];
    case "live":
      return [c.air.off, c.air.without];
    case "off":
      return [c.air.off, joined ? c.air.stageOnly : c.air.nobody];
    case "over":
      return [c.air.over, c.air.overMore];
  }
}

const MARKS: Record<Air, string> = { on: "●", muted: "⊘", live: "○", off: "○", over: "◌" };

/** A tab's title begins with the sign: it is all that is seen of a page in the background. */
export const titleOf = (air: Air, room: string): string => `${MARKS[air]} ${airWords(air, false, 0)[0]} · ${room}`;

const RED = "%23d0321a";
const GREY = "%238a8072";
const SHAPES: Record<Air, string> = {
  on: `%3Ccircle cx='8' cy='8' r='8' fill='${RED}'/%3E%3Ccircle cx='8' cy='8' r='3' fill='white'/%3E`,
  muted: `%3Ccircle cx='8' cy='8' r='6.5' fill='none' stroke='${RED}' stroke-width='2.5'/%3E%3Cpath d='M3.5 12.5l9-9' stroke='${RED}' stroke-width='2.5'/%3E`,
  live: `%3Ccircle cx='8' cy='8' r='6.5' fill='none' stroke='${GREY}' stroke-width='2.5'/%3E`,
  off: `%3Ccircle cx='8' cy='8' r='6.5' fill='none' stroke='${GREY}' stroke-width='2.5'/%3E`,
  over: `%3Cpath d='M2 8h12' stroke='${GREY}' stroke-width='3'/%3E`,
};

export const iconOf = (air: Air): string =>
  `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E${SHAPES[air]}%3C/svg%3E`;
