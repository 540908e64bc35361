/** Solves a challenge beside the page, which goes on to be a page meanwhile. Loaded only when an edge asks for it. */
import { type Challenge, deriver, solve } from "./challenge.ts";

/** Progress is told so often, milliseconds. */
const TOLD_MS = 200;

export type Said = { done: number; of: number } | { solution: Awaited<ReturnType<typeof solve>> } | { failed: string };

const say = (said: Said): void => postMessage(said);

onmessage = async ({ data }: MessageEvent<Challenge>) => {
  let told = 0;
  const progress = (done: number, of: number): void => {
    if (performance.now() - told < TOLD_MS) return;
    told = performance.now();
    say({ done, of });
  };
  try {
    say({ solution: await solve(data, deriver(crypto.subtle), progress, () => performance.now()) });
  } catch (e) {
    say({ failed: String(e) });
  }
};
