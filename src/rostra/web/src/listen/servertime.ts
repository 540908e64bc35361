/**
 * What time it is at the server, whatever the phone's clock says. Pure: told the server's times and those of a clock of ours
 * that only has to run evenly (seconds; not the time of day).
 *
 * What is cached tells an older time, never a later one: the highest offset of the last answers is nearest. An even clock
 * may stand still while a laptop sleeps, and then every moment seems further away than it is: `slept` finds that out, by
 * the time of day going ahead of it, and all is learned anew.
 */

/** So many answers are looked at: a clock that was set back at the server is believed after them. */
const ANSWERS = 8;
/** The two clocks of a device part by less than this while it is awake, seconds. */
const AWAKE_S = 4;

export class ServerTime {
  #offsets: number[] = [];
  #parted: number | null = null;

  /** The server said that it is `serverS` (not a number: it did not say), when ours was `clockS`. */
  learn(serverS: number, clockS: number): void {
    if (serverS > 0) this.#offsets = [...this.#offsets.slice(1 - ANSWERS), serverS - clockS];
  }

  /** -Infinity before the first answer. */
  at(clockS: number): number {
    return clockS + Math.max(...this.#offsets);
  }

  /** Call it every second, with our clock and the time of day. Whether the device slept since, or its clock was set. */
  slept(clockS: number, wallS: number): boolean {
    const parted = wallS - clockS;
    const slept = this.#parted !== null && Math.abs(parted - this.#parted) > AWAKE_S;
    this.#parted = parted;
    if (slept) this.#offsets = [];
    return slept;
  }
}
