/** Numbers, times and levels as people read them. Pure. */
import { c } from "../words/console.en.ts";

/** dBFS below which a voice counts as silent, and the loudness that fills a meter. */
export const SILENT_DB = -50;
const FULL_DB = -10;

/** 0 to 1, for a meter. */
export const loudness = (db: number | null): number =>
  db === null ? 0 : Math.min(1, Math.max(0, (db - SILENT_DB) / (FULL_DB - SILENT_DB)));

/** A length of time as a clock shows it: "3 days", "3:07:09", "4:05". */
export function span(s: number): string {
  const left = Math.max(0, Math.ceil(s));
  if (left >= 48 * 3600) return c.days(Math.floor(left / 86400));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(left / 3600);
  const m = Math.floor(left / 60) % 60;
  return h ? `${h}:${two(m)}:${two(left % 60)}` : `${m}:${two(left % 60)}`;
}

/** A moment in the reader's own time: the hour alone when it is today. */
export function moment(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const today = at.toDateString() === new Date(nowMs).toDateString();
  const date: Intl.DateTimeFormatOptions = today ? {} : { weekday: "short", day: "numeric", month: "short" };
  if (at.getFullYear() !== new Date(nowMs).getFullYear()) date.year = "numeric";
  return at.toLocaleString(undefined, { ...date, hour: "2-digit", minute: "2-digit" });
}

/** How long ago: "just now", "3 min", else the moment. */
export function since(atMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - atMs) / 60_000);
  return minutes < 1 ? c.justNow : minutes < 60 ? c.minutes(minutes) : moment(atMs, nowMs);
}

export const count = (n: number): string => n.toLocaleString();
