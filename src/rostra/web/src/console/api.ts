/** The stage door's API, call by call (docs/topics/room.md, "At the stage door"). */
import { Door } from "./door.ts";
import { readLinks } from "./ice.ts";
import type { Role } from "./link.ts";
import * as v from "./values.ts";

export type { Hand, HandSort, Invitation, Links, Me, Note, Paged, People, Person, Post, Report, RoomView } from "./values.ts";

/** From an offer to the stage's answer: it may have to be started first, and gathers candidates. */
const OFFER_WITHIN_S = 30;

/** What is announced, as a form sends it. */
export interface Announced {
  title?: string;
  words?: string;
  at?: string;
  tz?: string;
  speakers?: string[];
  listed?: boolean;
  invited?: boolean;
  doors_s?: number;
  delay_s?: number;
}

const query = (values: Record<string, string | number>): string => {
  const filled = Object.entries(values).filter(([, value]) => value !== "");
  return filled.length ? `?${new URLSearchParams(filled.map(([k, value]) => [k, String(value)]))}` : "";
};
const part = encodeURIComponent;

/** Everything that can be asked of any room. */
export class Rooms {
  readonly door: Door;
  constructor(token: string) {
    this.door = new Door(token);
  }

  list = async (limit: number, cursor: string): Promise<v.Paged<v.RoomView>> =>
    v.paged(await this.door.get(`/api/rooms${query({ limit, cursor })}`), v.room);
  create = async (announced: Announced, once: string): Promise<v.RoomView> =>
    v.room(await this.door.ask("POST", "/api/rooms", announced, once));
  reports = async (limit: number, cursor: string): Promise<v.Paged<v.Report>> =>
    v.paged(await this.door.get(`/api/reports${query({ limit, cursor })}`), v.report);
  of = (room: string): Api => new Api(this.door, room);
}

/** Everything that can be asked of one room. */
export class Api {
  readonly door: Door;
  readonly id: string;
  readonly #base: string;

  constructor(door: Door, id: string) {
    this.door = door;
    this.id = id;
    this.#base = `/api/rooms/${part(id)}`;
  }

  #post = <T = unknown>(path: string, body: unknown = {}, once = ""): Promise<T> =>
    this.door.ask("POST", `${this.#base}${path}`, body, once);
  #life = async (path: string, body: unknown = {}): Promise<v.RoomView> => v.room(await this.#post(path, body));

  // What is announced, and the life of the room.
  room = async (): Promise<v.RoomView> => v.room(await this.door.get(this.#base));
  change = async (announced: Announced): Promise<v.RoomView> => v.room(await this.door.ask("PATCH", this.#base, announced));
  remove = (): Promise<unknown> => this.door.ask("DELETE", this.#base);
  open = () => this.#life("/open");
  start = () => this.#life("/start");
  end = () => this.#life("/end");
  cancel = (note: string) => this.#life("/cancel", { note });
  postpone = (at: string, note: string) => this.#life("/postpone", { at, note });
  cover = (file: Blob, onPart: (part: number) => void): Promise<unknown> =>
    this.door.upload("PUT", `${this.#base}/picture`, file, onPart);

  // The stage.
  people = async (): Promise<v.People> => v.people(await this.door.get(`${this.#base}/people`));
  me = async (seat: string, after: number): Promise<v.Me> => v.me(await this.door.get(`${this.#base}/me${query({ seat, after })}`));
  muteMe = (seat: string, muted: boolean, session: string) => this.#post("/me/mute", { seat, muted, session });
  mute = (seat: string) => this.#post(`/seats/${part(seat)}/mute`, { muted: true });
  muteAll = () => this.#post("/mute-all");
  askUnmute = (seat: string) => this.#post(`/seats/${part(seat)}/ask-unmute`);
  /** `link`: the asker's own new one, if the host's seat was handed over. `hint`: what remains to be done. */
  appoint = (seat: string, role: Role): Promise<{ link?: string | null; hint?: string }> => this.#post(`/seats/${part(seat)}/appoint`, { role });
  /** `hint`: what remains to be done about them. */
  free = (seat: string, block: boolean): Promise<{ hint?: string }> =>
    this.door.ask("DELETE", `${this.#base}/seats/${part(seat)}${query({ block: String(block) })}`);
  lock = (locked: boolean) => this.#post("/lock", { locked });
  delay = (seconds: number) => this.#post("/delay", { seconds });
  dump = (): Promise<{ dumped_s?: number }> => this.#post("/dump");

  // Hands.
  hands = async (q: string, sort: v.HandSort, limit: number, cursor: string): Promise<v.Paged<v.Hand>> =>
    v.paged(await this.door.get(`${this.#base}/hands${query({ q, sort, limit, cursor })}`), v.hand);
  answer = (ticket: string, answer: "accept" | "decline") => this.#post(`/hands/${part(ticket)}/${answer}`);
  lowerAll = () => this.#post("/hands/lower-all");

  // Links.
  /** Those for one person that are good, the last ones first, a page of them; and the shared ones. */
  links = async (limit: number, cursor: string): Promise<v.Links> =>
    v.links(await this.door.get(`${this.#base}/links${query({ sort: "-at", good: "true", limit, cursor })}`));
  invite = (role: Role, name: string, once: string): Promise<{ link: string }> => this.#post("/links", { role, name }, once);
  reissue = (role: Role): Promise<{ link?: string }> => this.#post(`/links/${role}/reissue`);
  revoke = (identity: string): Promise<unknown> => this.door.ask("DELETE", `${this.#base}/links/${part(identity)}`);

  // Posts, and what listeners say.
  posts = async (): Promise<v.Paged<v.Post>> => {
    const found = await this.door.get<v.Raw>(`${this.#base}/posts`);
    return v.paged(found["posts"] ?? found, v.post);
  };
  post = (post: { text: string; link: string; picture: string; pinned: boolean }, once: string) => this.#post("/posts", post, once);
  pin = (id: string, pinned: boolean): Promise<unknown> => this.door.ask("PATCH", `${this.#base}/posts/${part(id)}`, { pinned });
  unpost = (id: string): Promise<unknown> => this.door.ask("DELETE", `${this.#base}/posts/${part(id)}`);
  picture = (file: Blob, onPart: (part: number) => void): Promise<{ picture: string }> =>
    this.door.upload("POST", `${this.#base}/pictures`, file, onPart);
  reports = async (limit: number, cursor: string): Promise<v.Paged<v.Report>> =>
    v.paged(await this.door.get(`${this.#base}/reports${query({ limit, cursor })}`), v.report);
  rsvps = (): Promise<{ count?: number }> => this.door.get(`${this.#base}/rsvps`);

  // Sound.
  async iceServers(): Promise<RTCIceServer[]> {
    const answer = await this.door.send(`/stage/${part(this.id)}/whip`, { method: "OPTIONS" });
    return readLinks(answer.headers.get("link") ?? "");
  }

  /** An offer for the stage; the answer and the session's address. `session`: the one that keeps the seat, for WHEP. */
  async offer(kind: "whip" | "whep", sdp: string, seat: string, name: string, session: string): Promise<{ sdp: string; location: string }> {
    const init = { method: "POST", body: sdp, headers: { "Content-Type": "application/sdp" } };
    const answer = await this.door.send(`/stage/${part(this.id)}/${kind}${query({ seat, name, session })}`, init, OFFER_WITHIN_S);
    // A proxy in front may be known by another name than the server knows: only the path counts.
    const location = new URL(answer.headers.get("location") ?? "", window.location.href).pathname;
    return { sdp: await answer.text(), location };
  }

  /** `keep`: the seat is kept for a while, for this person comes back with the next page. */
  async hangup(location: string, keep = false): Promise<void> {
    await this.door.send(`${location}${keep ? "?keep=true" : ""}`, { method: "DELETE", keepalive: true });
  }
}
