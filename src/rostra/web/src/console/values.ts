/** What the stage door answers, read into values that are whole: what is missing in an answer has its plain value. Pure. */
import type { Role } from "./link.ts";

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
  /** What the stage finds wrong with the microphone: "silent", "clipping". */
  source: string;
}

export interface People {
  people: Person[];
  /** Where the room is for who speaks: listeners are told later, by the broadcast delay. */
  state: string;
  /** Listeners; null where the stage does not say. */
  listening: number | null;
}

export interface RoomView {
  id: string;
  title: string;
  state: string;
  at: string;
  public: string;
  words: string;
  tz: string;
  speakers: string[];
  picture: string;
  listed: boolean;
  invited: boolean;
  doors_s: number;
  delay_s: number;
  /** The host said that it starts. */
  go: boolean;
  locked: boolean;
  note: string;
  /** Listeners; null where the server does not say. */
  listening: number | null;
  links: Record<string, string>;
}

export interface Note {
  n: number;
  kind: string;
  link: string;
  role: string;
  /** Who did it. */
  by: string;
  blocked: boolean;
}

export interface Me {
  seat: Person | null;
  notes: Note[];
  /** Where the room is for who speaks. */
  state: string;
}

export interface Hand {
  ticket: string;
  name: string;
  why: string;
  at: string;
}

export type HandSort = "at" | "-at" | "name";

export interface Post {
  id: string;
  at: string;
  by: string;
  text: string;
  link: string;
  picture: string;
  pinned: boolean;
}

export interface Report {
  id: string;
  room: string;
  at: string;
  said: string;
  about: string;
}

export interface Invitation {
  identity: string;
  role: Role;
  name: string;
  revoked: boolean;
}

export interface Links {
  /** By role, and `public`. */
  shared: Record<string, string>;
  personal: Invitation[];
  next: string;
}

export interface Paged<T> {
  items: T[];
  next: string;
  /** Of all pages; null where the server does not say. */
  total: number | null;
}

export type Raw = Record<string, unknown>;

const raw = (v: unknown): Raw => (v && typeof v === "object" ? (v as Raw) : {});
const list = (v: unknown): Raw[] => (Array.isArray(v) ? v.map(raw) : []);
const yes = (r: Raw, name: string): boolean => r[name] === true;

function text(r: Raw, ...names: string[]): string {
  for (const n of names) if (typeof r[n] === "string") return r[n];
  return "";
}

function number(r: Raw, ...names: string[]): number | null {
  for (const n of names) if (typeof r[n] === "number") return r[n];
  return null;
}

/** A moment as text, whether the server tells it as ISO 8601 or in seconds. */
function when(r: Raw, name: string): string {
  const v = r[name];
  return typeof v === "number" ? new Date(v * 1000).toISOString() : typeof v === "string" ? v : "";
}

export function person(v: unknown): Person {
  const p = raw(v);
  return {
    seat: text(p, "id", "seat"),
    name: text(p, "name"),
    role: text(p, "role"),
    state: text(p, "state") as Person["state"],
    muted: yes(p, "muted"),
    level: number(p, "level"),
    loss: number(p, "loss_percent"),
    delay: number(p, "delay_ms"),
    echo: yes(p, "echo"),
    source: text(p, "source"),
  };
}

export function people(v: unknown): People {
  const p = raw(v);
  return { people: list(p["seats"]).map(person), state: text(p, "state"), listening: number(p, "listening") };
}

export function room(v: unknown): RoomView {
  const r = raw(v);
  const links = raw(r["links"]) as Record<string, string>;
  return {
    id: text(r, "id"),
    title: text(r, "title"),
    state: text(r, "state"),
    at: when(r, "at"),
    public: text(r, "public") || (links["public"] ?? ""),
    words: text(r, "words"),
    tz: text(r, "tz") || "UTC",
    speakers: Array.isArray(r["speakers"]) ? r["speakers"].map(String) : [],
    picture: text(r, "picture"),
    listed: r["listed"] !== false,
    invited: yes(r, "invited"),
    doors_s: number(r, "doors_s") ?? 900,
    delay_s: number(r, "delay_s") ?? 0,
    go: yes(r, "go"),
    locked: yes(r, "locked"),
    note: text(r, "note"),
    listening: number(r, "listening"),
    links,
  };
}

export function me(v: unknown): Me {
  const m = raw(v);
  const notes = list(m["notes"]).map((n) => ({
    n: number(n, "n") ?? 0,
    kind: text(n, "kind"),
    link: text(n, "link"),
    role: text(n, "role"),
    by: text(n, "by"),
    blocked: yes(n, "blocked"),
  }));
  return { seat: m["seat"] ? person(m["seat"]) : null, notes, state: text(m, "state") };
}

export function hand(v: unknown): Hand {
  const h = raw(v);
  return { ticket: text(h, "ticket"), name: text(h, "name"), why: text(h, "why"), at: when(h, "at") };
}

export function post(v: unknown): Post {
  const p = raw(v);
  return {
    id: text(p, "id"),
    at: when(p, "at"),
    by: text(p, "by"),
    text: text(p, "text"),
    link: text(p, "link"),
    picture: text(p, "picture"),
    pinned: yes(p, "pinned"),
  };
}

export function report(v: unknown): Report {
  const r = raw(v);
  return { id: String(r["id"] ?? ""), room: text(r, "room"), at: when(r, "at"), said: text(r, "said"), about: text(r, "about") };
}

export function links(v: unknown): Links {
  const l = raw(v);
  const shared = Object.entries(raw(l["shared"] ?? l["links"] ?? l)).filter((e): e is [string, string] => typeof e[1] === "string");
  const personal = list(l["personal"] ?? l["items"] ?? l["invitations"]).map((i) => ({
    identity: text(i, "identity"),
    role: text(i, "role") as Role,
    name: text(i, "name"),
    revoked: Boolean(i["revoked"]),
  }));
  return { shared: Object.fromEntries(shared), personal, next: text(l, "next") };
}

export function paged<T>(v: unknown, read: (item: unknown) => T): Paged<T> {
  if (Array.isArray(v)) return { items: v.map(read), next: "", total: v.length };
  const p = raw(v);
  return { items: list(p["items"]).map(read), next: text(p, "next"), total: number(p, "total", "count", "waiting") };
}
