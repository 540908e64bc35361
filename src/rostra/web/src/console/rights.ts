/**
 * Who may do what, so that a page shows nobody a button that the server would refuse. The table is
 * `rostra.permissions`; a test compares. The server asks its own table whatever stands here.
 */
import type { Role } from "./link.ts";

const SPEAKER = ["SPEAK", "SEE_STAGE", "MUTE_SELF"] as const;
const COHOST = [
  "OPEN_DOORS", "START", "POSTPONE", "EDIT", "MUTE", "ASK_UNMUTE", "REMOVE", "BLOCK", "LOCK", "SEE_HANDS",
  "ANSWER_HANDS", "INVITE_SPEAKER", "POST", "DUMP", "SET_DELAY", "SEE_REPORTS", "SEE_RSVPS", "REISSUE_LINKS",
] as const;
const HOST = ["END", "CANCEL", "APPOINT", "HAND_OVER", "SEE_ALL_LINKS", "REISSUE_ALL_LINKS", "SEE_SEATS"] as const;

export type Action = (typeof SPEAKER)[number] | (typeof COHOST)[number] | (typeof HOST)[number];

const MAY: Record<Role, ReadonlySet<Action>> = {
  speaker: new Set<Action>(SPEAKER),
  cohost: new Set<Action>([...SPEAKER, ...COHOST]),
  host: new Set<Action>([...SPEAKER, ...COHOST, ...HOST]),
};

export const may = (role: Role, action: Action): boolean => MAY[role].has(action);
