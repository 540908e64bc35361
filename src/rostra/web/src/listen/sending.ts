/** What a listener sends to the edge, and what comes of it: an answer, or a sentence for the listener. */
import { wLater as w } from "../words/later.ts";

/** As long as an edge takes at most, and a slow network on top. */
const TIMEOUT_MS = 15_000;

/** Its message is for the listener, in their language. */
export class NotTaken extends Error {
  readonly status: number;

  constructor(status: number) {
    super(w.notTaken[status] ?? (status >= 500 ? w.notTakenNow : w.notTakenSo));
    this.status = status;
  }
}

/** :throws NotTaken: it was refused, or did not get through (status 503). */
export async function send(url: string, body?: object): Promise<Record<string, string>> {
  const posted: RequestInit = body
    ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
    : { cache: "no-store" };
  let answer: Response;
  try {
    answer = await fetch(url, { ...posted, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new NotTaken(503);
  }
  if (!answer.ok) throw new NotTaken(answer.status);
  if (answer.status === 204) return {};
  return (await answer.json().catch(() => ({}))) as Record<string, string>;
}
