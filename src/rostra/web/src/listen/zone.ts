/** A moment by the clocks of the zone it was announced in. Pure. */

/** The moment in the zone it was announced in; empty where that zone's clocks show the same, or nobody knows it. */
export function inZone(atS: number, tz: string, locale: string, mine?: string): string {
  const shape: Intl.DateTimeFormatOptions = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  try {
    const at = new Date(atS * 1000);
    const there = at.toLocaleString(locale, { ...shape, timeZone: tz });
    const here = at.toLocaleString(locale, mine ? { ...shape, timeZone: mine } : shape);
    return there === here ? "" : there;
  } catch {
    return "";
  }
}

/** "America/New_York" is New York. */
export const place = (tz: string): string => (tz.split("/").pop() ?? tz).replaceAll("_", " ");
