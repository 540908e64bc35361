/** A time of day in a time zone, as a moment. Pure; the zones' rules are the browser's. */

const HOUR_MS = 3_600_000;

/** How far a zone's clocks are ahead of UTC at a moment. :throws RangeError: there is no such zone. */
export function offsetMs(atMs: number, zone: string): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const parts = Object.fromEntries(format.formatToParts(atMs).map((p) => [p.type, Number(p.value)]));
  const there = Date.UTC(parts["year"]!, parts["month"]! - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]);
  return there - Math.floor(atMs / 1000) * 1000;
}

/**
 * The moments at which clocks of `zone` show `local` ("2031-05-01T20:00"): one; none in an hour that is skipped when
 * clocks go forward; two in one that comes twice, the earlier first.
 */
export function moments(local: string, zone: string): number[] {
  const shown = Date.parse(`${local}Z`);
  if (Number.isNaN(shown)) return [];
  const around = [-36, 0, 36].map((h) => offsetMs(shown + h * HOUR_MS, zone));
  const found = [...new Set(around)].map((offset) => shown - offset).filter((at) => at + offsetMs(at, zone) === shown);
  return found.sort((a, b) => a - b);
}

/** What clocks of `zone` show at a moment, as `<input type="datetime-local">` wants it. */
export const local = (atMs: number, zone: string): string => new Date(atMs + offsetMs(atMs, zone)).toISOString().slice(0, 16);

/** "UTC+2", to tell two hours of the same name apart. */
export function offsetName(atMs: number, zone: string): string {
  const minutes = Math.round(offsetMs(atMs, zone) / 60_000);
  const [h, m] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "-" : "+"}${h}${m ? `:${String(m).padStart(2, "0")}` : ""}`;
}

export const myZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** All zones of the browser, with `wanted` among them. */
export function zones(wanted: string): string[] {
  const all = new Set<string>(Intl.supportedValuesOf("timeZone"));
  return [...all.add("UTC").add(wanted)].sort();
}
