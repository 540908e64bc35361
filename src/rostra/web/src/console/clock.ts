/**
 * What time it is at the server. Pure: told when a question went and its answer came.
 *
 * Every answer carries the second in which it was made (RFC 9110, 6.6.1). One answer places the server's clock within
 * its own second and the way there and back; each further one narrows that, to a tenth of a second within a minute.
 */

/** A `Date` field names a whole second, and a server may make the text of it once a second. */
const DATE_MAY_BE_OLD_MS = 2000;

export class ServerClock {
  /** The server's time less ours lies between these. */
  #low = -Infinity;
  #high = Infinity;

  heard(date: string | null, sentMs: number, receivedMs: number): void {
    const at = Date.parse(date ?? "");
    if (Number.isNaN(at)) return;
    const low = at - receivedMs;
    const high = at + DATE_MAY_BE_OLD_MS - sentMs;
    const jumped = low > this.#high || high < this.#low; // This device's clock was set meanwhile.
    this.#low = jumped ? low : Math.max(low, this.#low);
    this.#high = jumped ? high : Math.min(high, this.#high);
  }

  /** The server's time when ours is `localMs`; ours, before the first answer. */
  at(localMs: number): number {
    return Number.isFinite(this.#low) ? localMs + (this.#low + this.#high) / 2 : localMs;
  }

  now(): number {
    return this.at(Date.now());
  }
}
