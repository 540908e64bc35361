/** HTTP to the stage door: the token with each question, refusals as sentences, and the server's clock. */
import { c } from "../words/console.en.ts";
import { ServerClock } from "./clock.ts";

/** An answer that is not a success; the message is the server's own sentence. */
export class Problem extends Error {
  readonly status: number;
  /** What is wrong by the name of the field, where the server says so. */
  readonly fields: Record<string, string>;
  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/** Why something failed, for a person. */
export const sentence = (e: unknown): string => (e instanceof Problem ? e.message : c.noAnswer);

/** A question without an answer for so long is asked again. */
const ANSWER_WITHIN_S = 10;
/** Answers kept with their tags: a console asks for fewer than this at the same time. */
const MAX_KEPT = 16;

export class Door {
  readonly clock = new ServerClock();
  readonly #token: string;
  readonly #kept = new Map<string, { etag: string; value: unknown }>();

  constructor(token: string) {
    this.#token = token;
  }

  async send(path: string, init: RequestInit = {}, withinS = ANSWER_WITHIN_S): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.#token}`, ...(init.headers as Record<string, string>) };
    const sent = Date.now();
    const answer = await fetch(path, { signal: AbortSignal.timeout(withinS * 1000), ...init, headers, cache: "no-store" });
    this.clock.heard(answer.headers.get("date"), sent, Date.now());
    if (answer.ok || answer.status === 304) return answer;
    throw problem(answer.status, await answer.text().catch(() => ""));
  }

  /** The same object as before when nothing has changed (RFC 9110, 13.1.2). */
  async get<T>(path: string): Promise<T> {
    const kept = this.#kept.get(path);
    const answer = await this.send(path, kept ? { headers: { "If-None-Match": kept.etag } } : {});
    if (answer.status === 304 && kept) return kept.value as T;
    const value = (await answer.json()) as T;
    const etag = answer.headers.get("etag");
    this.#kept.delete(path);
    if (etag) this.#kept.set(path, { etag, value });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return value;
  }

  /** `once`: the same for each try of one wish, so that it is granted once (`Idempotency-Key`). */
  async ask<T>(method: string, path: string, body?: unknown, once = ""): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (once) headers["Idempotency-Key"] = once;
    const answer = await this.send(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return (text ? JSON.parse(text) : {}) as T;
  }

  /** The file itself as the body. `onPart`: how much of it has gone, 0 to 1. */
  upload<T>(method: string, path: string, file: Blob, onPart: (part: number) => void): Promise<T> {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest(); // `fetch` does not tell how far it is.
      request.open(method, path);
      request.setRequestHeader("Authorization", `Bearer ${this.#token}`);
      request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      request.upload.onprogress = (e) => e.lengthComputable && onPart(e.loaded / e.total);
      request.onerror = () => fail(new Error("the way to the server is cut"));
      request.onload = () => {
        if (request.status >= 200 && request.status < 300) done((request.responseText ? JSON.parse(request.responseText) : {}) as T);
        else fail(problem(request.status, request.responseText));
      };
      request.send(file);
    });
  }
}

function problem(status: number, text: string): Problem {
  let body: Record<string, unknown> = {};
  try {
    const read: unknown = JSON.parse(text);
    if (read && typeof read === "object") body = read as Record<string, unknown>;
  } catch {
    // Not one of ours: a proxy's page, say.
  }
  const detail = String(body["detail"] ?? body["title"] ?? "");
  return new Problem(status, detail || c.status(status), fieldsOf(body, detail));
}

/** `errors` of the problem, each with `field` and `detail`; else what the sentence names: "title: too long; at: ...". */
function fieldsOf(body: Record<string, unknown>, detail: string): Record<string, string> {
  const found: Record<string, string> = {};
  if (Array.isArray(body["errors"])) {
    // A field of a list is named with its place: "speakers.2".
    for (const e of body["errors"] as Record<string, unknown>[])
      found[String(e["field"]).split(".")[0]!] ??= asSentence(String(e["detail"]));
    return found;
  }
  for (const [, field, why] of detail.replace(/^[^:]*: (?=\w+(?:\.\w+)*: )/, "").matchAll(/(?:^|; )(\w+)(?:\.\w+)*: ([^;]+)/g))
    found[field!] ??= asSentence(why!);
  return found;
}

const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
