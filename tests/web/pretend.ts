/** A clock and timers of a test's own: nothing happens but by {@link Pretend.pass}. */

export class Pretend {
  /** Seconds. */
  t = 0;
  #timers = new Map<number, { at: number; f: () => void }>();
  #ids = 0;

  readonly setTimeout = (f: () => void, ms: number): number => {
    this.#timers.set(++this.#ids, { at: this.t + ms / 1000, f });
    return this.#ids;
  };

  readonly clearTimeout = (id: number): void => void this.#timers.delete(id);

  async pass(seconds: number): Promise<void> {
    const end = this.t + seconds;
    for (;;) {
      await settle();
      const next = [...this.#timers].filter(([, x]) => x.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!next) break;
      this.#timers.delete(next[0]);
      this.t = Math.max(this.t, next[1].at);
      next[1].f();
    }
    this.t = end;
    await settle();
  }
}

export const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise((r) => setImmediate(r));
};
