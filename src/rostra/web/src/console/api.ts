/** The stage door's API, and the link that opens it. */

export type Role = "host" | "cohost" | "speaker";

export interface Claims {
  room: string;
  role: Role;
  name: string;
  jti: string;
}

export interface Person {
  seat: string;
  name: string;
  role: string;
  state: "joining" | "here" | "away";
  muted: boolean;
  /** dBFS, or null when not heard. */
  level: number | null;
  /** Percent and milliseconds of what reaches the stage; null where there is no connection. */
  loss: number | null;
  delay: number | null;
  echo: boolean;
  session: string;
}

export interface RoomView {
  id: string;
  title: string;
  state: string;
  at: string;
  public: string;
  links?: Record<string, string>;
}

/** An answer that is not a success; the message is the server's own sentence. */
export class Problem extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The token of the link: in the fragment, which is never sent to a server by itself. */
export const tokenOf = (fragment: string): string => new URLSearchParams(fragment.replace(/^#/, "")).get("t") ?? "";

/** What a token says. Only to show it: the server checks it. Null when it is none. */
export function claimsOf(token: string): Claims | null {
  try {
    const text = atob(token.split(".")[0]!.replaceAll("-", "+").replaceAll("_", "/"));
    const body: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (ch) => ch.charCodeAt(0))));
    if (!body || typeof body !== "object" || !("role" in body) || !("jti" in body)) return null;
    return body as Claims;
  } catch {
    return null;
  }
}

export class Api {
  readonly #token: string;
  constructor(token: string) {
    this.#token = token;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.#token}`, ...(init.headers as Record<string, string>) };
    const answer = await fetch(path, { ...init, headers, cache: "no-store" });
    if (answer.ok) return answer;
    let detail = "";
    try {
      const body = (await answer.json()) as { detail?: unknown; title?: unknown };
      detail = String(body.detail ?? body.title ?? "");
    } catch {
      // Not one of ours: a proxy's page, say.
    }
    throw new Problem(answer.status, detail || `${answer.status} ${answer.statusText}`);
  }

  async #json<T>(path: string, body?: unknown, method = "POST"): Promise<T> {
    const init = body === undefined ? {} : { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    return (await (await this.#fetch(path, init)).json()) as T;
  }

  rooms = (): Promise<RoomView[]> => this.#json("/api/rooms");
  room = (id: string): Promise<RoomView> => this.#json(`/api/rooms/${id}`);
  open = (id: string): Promise<RoomView> => this.#json(`/api/rooms/${id}/open`, {});
  end = (id: string): Promise<RoomView> => this.#json(`/api/rooms/${id}/end`, {});
  invite = (id: string, role: Role, name: string): Promise<{ link: string }> =>
    this.#json(`/api/rooms/${id}/links`, { role, name });
  mute = (id: string, seat: string, muted: boolean): Promise<unknown> =>
    this.#json(`/api/rooms/${id}/seats/${encodeURIComponent(seat)}/mute`, { muted });
  remove = (id: string, seat: string): Promise<unknown> =>
    this.#json(`/api/rooms/${id}/seats/${encodeURIComponent(seat)}`, {}, "DELETE");

  async people(id: string): Promise<Person[]> {
    const found = await this.#json<Record<string, unknown>>(`/api/rooms/${id}/people`);
    const list = Array.isArray(found["people"]) ? found["people"] : Array.isArray(found["seats"]) ? found["seats"] : [];
    return (list as Record<string, unknown>[]).map(person);
  }

  /** STUN and TURN servers, from the `Link` fields of WHIP (RFC 9725, 4.6). */
  async iceServers(room: string): Promise<RTCIceServer[]> {
    const answer = await this.#fetch(`/stage/${room}/whip`, { method: "OPTIONS" });
    return readLinks(answer.headers.get("link") ?? "");
  }

  /** An offer for the stage; the answer and the session's address. */
  async offer(room: string, kind: "whip" | "whep", sdp: string, seat: string, name: string): Promise<{ sdp: string; location: string }> {
    const query = new URLSearchParams();
    if (seat) query.set("seat", seat);
    if (name) query.set("name", name);
    const answer = await this.#fetch(`/stage/${room}/${kind}?${query}`, {
      method: "POST",
      body: sdp,
      headers: { "Content-Type": "application/sdp" },
    });
    // A proxy in front may be known by another name than the server knows: only the path counts.
    const location = new URL(answer.headers.get("location") ?? "", window.location.href).pathname;
    return { sdp: await answer.text(), location };
  }

  async hangup(location: string): Promise<void> {
    await this.#fetch(location, { method: "DELETE", keepalive: true });
  }
}

function person(p: Record<string, unknown>): Person {
  const number = (...names: string[]): number | null => {
    for (const n of names) if (typeof p[n] === "number") return p[n];
    return null;
  };
  const text = (...names: string[]): string => {
    for (const n of names) if (typeof p[n] === "string") return p[n];
    return "";
  };
  return {
    seat: text("seat", "id"),
    name: text("name"),
    role: text("role"),
    state: text("state") as Person["state"],
    muted: p["muted"] === true,
    level: number("level", "level_dbfs"),
    loss: number("loss_percent", "loss"),
    delay: number("delay_ms"),
    echo: p["echo"] === true,
    session: text("session", "link"),
  };
}

/** `<turn:HOST:PORT>; rel="ice-server"; username="..."; credential="..."`, several with commas between them. */
export function readLinks(field: string): RTCIceServer[] {
  const found: RTCIceServer[] = [];
  for (const [, url, rest] of field.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,]+))*)/g)) {
    const parameter = (name: string): string | undefined => {
      const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,]+))`).exec(rest ?? "");
      return (match?.[1] ?? match?.[2])?.replaceAll(/\\(.)/g, "$1");
    };
    if (parameter("rel") !== "ice-server") continue;
    const [username, credential] = [parameter("username"), parameter("credential")];
    found.push({ urls: url!, ...(username ? { username } : {}), ...(credential ? { credential } : {}) });
  }
  return found;
}
