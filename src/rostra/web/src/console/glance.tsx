/** For a host, wherever they are on the page: is the room on air, who speaks, who wants to speak. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Person } from "./api.ts";
import { count, SILENT_DB } from "./figures.ts";

/** Who fell silent a moment ago is between two sentences. */
const SPEAKS_FOR_MS = 3000;
/** More names than these are not read at a glance. */
const MAX_NAMES = 2;

export const isSpeaking = (p: Person): boolean => p.state === "here" && !p.muted && p.level !== null && p.level > SILENT_DB;

export function Glance({ state, people, hands, nowMs, onHands }: {
  state: string;
  people: Person[];
  hands: number | null;
  nowMs: number;
  onHands(): void;
}): JSX.Element {
  const spoke = useRef(new Map<string, number>());
  for (const p of people) if (isSpeaking(p)) spoke.current.set(p.seat, nowMs);
  const names = people
    .filter((p) => p.state === "here" && !p.muted && nowMs - (spoke.current.get(p.seat) ?? 0) < SPEAKS_FOR_MS)
    .map((p) => p.name || c.roles[p.role] || "");
  const more = names.length - MAX_NAMES;
  return (
    <ul class="glance" aria-label={c.glance}>
      <li class={`state ${state}`}>{c.theRoom(c.state[state] ?? state)}</li>
      <li>{names.length ? c.speaks(names.slice(0, MAX_NAMES).join(", "), names.length, more) : c.nobodySpeaks}</li>
      <li>
        <button type="button" class="link" onClick={onHands}>
          {c.wantToSpeak(hands ?? 0, count(hands ?? 0))}
        </button>
      </li>
    </ul>
  );
}
