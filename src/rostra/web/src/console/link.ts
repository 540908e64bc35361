/** The link that opens the stage door: what its token says, and which of several people behind it this browser is. */

export type Role = "host" | "cohost" | "speaker";

export interface Claims {
  room: string;
  role: Role;
  name: string;
  jti: string;
}

const ROLES: readonly string[] = ["host", "cohost", "speaker"] satisfies Role[];

/** The token of the link: in the fragment, which is never sent to a server by itself. */
export const tokenOf = (fragment: string): string => new URLSearchParams(fragment.replace(/^#/, "")).get("t") ?? "";

/** What a token says. Only to show it: the server checks it. Null when it is none. */
export function claimsOf(token: string): Claims | null {
  try {
    const text = atob(token.split(".")[0]!.replaceAll("-", "+").replaceAll("_", "/"));
    const body: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (ch) => ch.charCodeAt(0))));
    if (!body || typeof body !== "object" || !("role" in body) || !("jti" in body)) return null;
    return ROLES.includes(String(body.role)) ? (body as Claims) : null;
  } catch {
    return null;
  }
}

/** Whether everybody of a role has this link: `speaker`, or issued anew `speaker-1`. A personal one has a name of its own. */
export const isShared = (claims: Claims): boolean => new RegExp(`^${claims.role}(-[0-9]{1,6})?$`).test(claims.jti);

/** Where a link leads: only the path and the fragment count, a proxy in front may have another name than the server knows. */
export function addressOf(link: string): { address: string; token: string; claims: Claims | null } {
  const url = new URL(link, window.location.href);
  const token = tokenOf(url.hash);
  return { address: `${url.pathname}#t=${token}`, token, claims: claimsOf(token) };
}

export const remembered = (key: string): string => {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return ""; // Private windows may keep nothing.
  }
};

export const remember = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it is asked for again.
  }
};

/** People behind one link of a role are told apart by this; a personal link needs it not, nor does the one host's. */
export function seatOf(claims: Claims): string {
  if (!isShared(claims) || claims.role === "host") return "";
  const key = `rostra-seat-${claims.room}-${claims.role}`;
  const kept = remembered(key);
  if (kept) return kept;
  const seat = random();
  remember(key, seat);
  return seat;
}

/** 18 letters that nobody guesses. (`crypto.randomUUID` is there on https only.) */
export const random = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, "0")).join("");
