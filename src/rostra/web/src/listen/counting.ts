/** Reactions: how many are sent, how many are shown, and how many there were. Pure; times in seconds. */

/** The eight there are (wire/reactions.py). */
export const REACTIONS = ["❤", "👏", "😂", "🔥", "🎉", "👍", "😮", "😢"] as const;

export type Counts = Record<string, number>;

/** What one listener sends in a second, at most: with a hundred thousand of them more would tell nothing. */
export const SENT_A_SECOND = 3;

/** Lets through the first few of each second. */
export class Sampler {
  #sent: number[] = [];

  may(nowS: number): boolean {
    this.#sent = this.#sent.filter((at) => nowS - at < 1);
    if (this.#sent.length >= SENT_A_SECOND) return false;
    this.#sent.push(nowS);
    return true;
  }
}

/**
 * Which of `counts` are shown, `most` at the most, in their proportion, and each kind at least once. As many as there are,
 * while there are few; beyond that by the logarithm, so that a thousand look like more than a hundred.
 */
export function shown(counts: Counts, most: number): string[] {
  const kinds = REACTIONS.filter((kind) => (counts[kind] ?? 0) > 0);
  const all = kinds.reduce((sum, kind) => sum + counts[kind]!, 0);
  if (!all) return [];
  const room = Math.min(most, all, Math.ceil(3 + 3 * Math.log10(all)));
  return kinds.flatMap((kind) => Array<string>(Math.max(1, Math.round((room * counts[kind]!) / all))).fill(kind)).slice(0, most);
}

const MINUTE_S = 60;

/** Everyone's, of the last minute. */
export class LastMinute {
  #seconds: { at: number; counts: Counts }[] = [];

  add(nowS: number, counts: Counts): void {
    this.#seconds.push({ at: nowS, counts });
  }

  /** Those that were sent most come first. */
  sum(nowS: number): [string, number][] {
    this.#seconds = this.#seconds.filter(({ at }) => nowS - at < MINUTE_S);
    const found = REACTIONS.map((kind): [string, number] => [
      kind,
      this.#seconds.reduce((sum, { counts }) => sum + Math.max(0, counts[kind] ?? 0), 0),
    ]);
    return found.filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  }
}
