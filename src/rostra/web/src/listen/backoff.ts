/**
 * When to come back after a connection was lost. Pure; `random` is in [0, 1).
 *
 * Full jitter from the first try on: thousands that were dropped in the same instant must not return in the same
 * instant, and they have a second of sound in hand. Each further try spreads over twice the time, to 30 s at most.
 */
export const FIRST_S = 0.2;
export const SPREAD_S = 2.5;
export const MAX_S = 30;

/** Seconds to wait before try number `attempt` (0 is the first after the loss). */
export function backoff(attempt: number, random: number): number {
  const spread = Math.min(MAX_S, SPREAD_S * 2 ** Math.min(attempt, 10));
  return FIRST_S + random * (spread - FIRST_S);
}

/** The server said when: not earlier, and spread over a quarter more, so that those it told together do not return together. */
export function told(afterS: number, random: number): number {
  const s = Math.min(Math.max(afterS, 0), 600);
  return s + random * Math.max(1, s / 4);
}
