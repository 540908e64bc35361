/**
 * A person's own place: their microphone, their session on the stage, and what the stage tells them.
 *
 * Muting is done twice: here, so that nothing leaves this device, and at the stage, so that everybody sees it. A host
 * can mute, and only the person opens again: what the stage says counts where it is stricter than we are.
 */
import type { Api, Me, Note, Person, RoomView } from "./api.ts";
import { c } from "../words/console.en.ts";
import { Problem, sentence } from "./door.ts";
import { Health, type Complaint } from "./health.ts";
import { remember, remembered, seatOf, type Claims } from "./link.ts";
import { microphones, openMicrophone, type Microphone, type Refusal } from "./microphone.ts";
import { Session, type SessionState } from "./session.ts";

export type MutedBy = "" | "self" | "host" | "call";

/** What goes with a person from one link to the next. */
export interface Carry {
  microphone: Microphone | null;
  mutedBy: MutedBy;
  name: string;
  joined: boolean;
}

const NEWS_EVERY_S = 1;
const LISTEN_EVERY_S = 0.1;

export class Place {
  state: SessionState = { at: "idle" };
  mutedBy: MutedBy = "";
  microphone: Microphone | null = null;
  devices: MediaDeviceInfo[] = [];
  device = remembered("rostra-microphone");
  name: string;
  refusal: Refusal | null = null;
  /** A host asks to unmute. */
  asked = false;
  /** As the stage sees this person. */
  me: Person | null = null;
  complaint: Complaint = "";
  /** A voice was heard from this microphone. */
  heard = false;
  /** Why the last thing that was tried here did not work. */
  trouble = "";
  audio: HTMLAudioElement | null = null;
  readonly claims: Claims;
  readonly #api: Api;
  readonly #which: string;
  #change = (): void => {};
  #onLink: (link: string, role: string) => void = () => {};
  #health = new Health();
  #session: Session | null = null;
  #timers: number[] = [];
  #note = 0;
  /** Rises when we mute or unmute: news that was asked for before is older than what we did. */
  #did = 0;
  /** Rises with each wish to be muted or not: the last one counts. */
  #wish = 0;
  /** We are about to open, and the stage may know it before we hear that it does. */
  #opening = 0;
  #telling: Promise<void> = Promise.resolve();
  #fresh = true;
  #asking = false;
  /** When the room was announced to begin, as we came to it. */
  #cameFor = "";
  #wasOnAir = false;
  #rejoin: boolean;

  constructor(api: Api, claims: Claims, carry: Carry | null) {
    this.#api = api;
    this.claims = claims;
    this.#which = seatOf(claims);
    this.name = claims.name || carry?.name || remembered("rostra-name");
    this.#rejoin = carry?.joined ?? false;
    this.mutedBy = carry?.mutedBy ?? "";
    if (carry?.microphone) this.#took(carry.microphone);
  }

  /** `onLink`: this person has another link now. */
  start(change: () => void, onLink: (link: string, role: string) => void): () => void {
    this.#change = change;
    this.#onLink = onLink;
    const refresh = async () => {
      this.devices = await microphones();
      this.#change();
    };
    navigator.mediaDevices?.addEventListener("devicechange", refresh);
    let gone = false;
    const news = async () => {
      await this.#news();
      if (!gone) this.#timers[1] = window.setTimeout(() => void news(), NEWS_EVERY_S * 1000);
    };
    this.#timers = [window.setInterval(() => this.#listen(), LISTEN_EVERY_S * 1000), 0];
    void news();
    if (this.microphone) void refresh();
    if (this.#rejoin) void this.join();
    return () => {
      gone = true;
      navigator.mediaDevices?.removeEventListener("devicechange", refresh);
      for (const timer of this.#timers) window.clearTimeout(timer);
      this.#change = () => {};
    };
  }

  get joined(): boolean {
    return this.state.at === "on" || this.state.at === "lost" || this.state.at === "joining";
  }

  /** Which of those on stage this is. */
  is = (p: Person): boolean => p.seat !== "" && p.seat === this.me?.seat;

  /** The room, as it is announced now. Whoever sits in one that is moved comes to it again when they like. */
  know(room: RoomView): void {
    if (!this.joined) this.#cameFor = "";
    else if (!this.#cameFor) this.#cameFor = room.at;
    else if (this.#isMoved(room)) void this.#session?.stop({ at: "removed", why: c.movedOff });
    else if (room.state !== "scheduled") this.#cameFor = room.at;
    this.#wasOnAir = this.joined && (this.#wasOnAir || room.state !== "scheduled");
  }

  #isMoved = (room: RoomView): boolean =>
    room.state === "scheduled" && (this.#wasOnAir || (this.#cameFor !== "" && room.at !== this.#cameFor));

  // The microphone.

  async open(id = this.device): Promise<void> {
    try {
      this.#took(await openMicrophone(id));
      this.refusal = null;
      this.devices = await microphones();
      if (this.state.at === "on") await this.#session?.use(this.microphone!.track);
    } catch (e) {
      if (typeof e !== "string") throw e;
      if (id) return this.open(""); // The chosen one is gone: the system's own, then.
      this.refusal = e as Refusal;
    }
    this.#change();
  }

  async choose(id: string): Promise<void> {
    this.device = id;
    remember("rostra-microphone", id);
    await this.open(id);
  }

  setName(name: string): void {
    this.name = name;
    this.#change();
  }

  #took(next: Microphone): void {
    this.microphone?.close();
    this.microphone = next;
    next.track.enabled = !this.mutedBy;
    next.onTaken = () => this.#taken();
    this.#health = new Health();
    this.heard = false;
  }

  /** On stage one is muted, and opens it again oneself; before that it is asked for again. */
  #taken(): void {
    if (this.joined) {
      if (!this.mutedBy) this.#mute("call");
      return;
    }
    this.#release();
    this.#change();
  }

  #release(): void {
    this.microphone?.close();
    this.microphone = null;
    this.complaint = "";
  }

  #listen(): void {
    if (!this.microphone) return;
    const now = performance.now() / 1000;
    const { db, peak } = this.microphone.moment();
    this.#health.take(now, db, peak, this.mutedBy !== "");
    const stage = this.state.at === "on" && !this.mutedBy ? (this.me?.source ?? "") : "";
    const complaint = this.mutedBy ? "" : this.#health.complaint(now, stage);
    if (complaint === this.complaint && this.heard === this.#health.heard) return;
    this.complaint = complaint;
    this.heard = this.#health.heard;
    this.#change();
  }

  // The seat.

  async join(): Promise<void> {
    this.#rejoin = false;
    if (!this.microphone || this.microphone.gone) await this.open();
    if (!this.microphone || !this.name.trim() || !this.audio) return this.#change();
    remember("rostra-name", this.name.trim());
    this.#session ??= new Session({
      api: this.#api,
      person: `${this.claims.jti}/${this.#which}`,
      seat: this.#which,
      name: this.name.trim(),
      audio: this.audio,
      why: () => this.#whyGone(),
      on: (next) => this.#at(next),
    });
    this.#session.name = this.name.trim();
    await this.#session.join(this.microphone.track);
  }

  leave = async (): Promise<void> => this.#session?.leave();
  over = async (): Promise<void> => this.#session?.stop({ at: "over" });

  #at(next: SessionState): void {
    this.state = next;
    if (next.at === "on") {
      this.#fresh = true;
      this.trouble = "";
      if (this.mutedBy) void this.#tell();
      void this.#news();
    } else if (next.at !== "joining" && next.at !== "lost") {
      this.me = null;
      this.asked = false;
      if (next.at !== "failed") this.#release(); // Off the stage, nothing listens to anybody.
      if (next.at === "left" || next.at === "removed") {
        this.mutedBy = "";
        this.#note = 0;
      }
    }
    this.#change();
  }

  /** The stage let go of us: for good, or may we come back? */
  async #whyGone(): Promise<SessionState | null> {
    const { notes, state } = await this.#api.me(this.#which, this.#note);
    const last = notes.find((note) => note.kind === "removed" || note.kind === "moved");
    if (last) return { at: "removed", why: last.kind === "moved" ? c.movedOff : whyOf(last) };
    if (state === "ended" || state === "cancelled") return { at: "over" };
    return state === "scheduled" && this.#isMoved(await this.#api.room()) ? { at: "removed", why: c.movedOff } : null;
  }

  /** Takes everything along to another link, and lets go of it here. */
  async carry(): Promise<Carry> {
    const { microphone, mutedBy, name, joined } = this;
    this.microphone = null;
    await this.#session?.close();
    this.#session = null;
    return { microphone, mutedBy, name, joined };
  }

  // Muted or not.

  async toggle(): Promise<void> {
    if (!this.microphone && !this.joined) return;
    if (!this.mutedBy) return this.#mute("self");
    this.trouble = "";
    if (!this.microphone || this.microphone.gone) await this.open();
    if (!this.microphone || this.microphone.gone) return this.#change();
    const wish = ++this.#wish;
    this.#did++;
    if (this.state.at === "on") {
      this.#opening++;
      try {
        await this.#telling; // That one is muted must not come after this.
        await this.#api.muteMe(this.#which, false, this.#session?.secret ?? "");
      } catch (e) {
        this.trouble = sentence(e);
        return this.#change();
      } finally {
        this.#opening--;
      }
    }
    this.#did++;
    if (wish !== this.#wish) return; // Muted again meanwhile.
    this.mutedBy = "";
    this.asked = false;
    this.microphone.track.enabled = true;
    this.#change();
  }

  notNow(): void {
    this.asked = false;
    this.#change();
  }

  #mute(by: Exclude<MutedBy, "">): void {
    this.#did++;
    this.#wish++;
    this.mutedBy = by;
    if (this.microphone) this.microphone.track.enabled = false;
    if (by !== "host" && this.state.at === "on") void this.#tell();
    this.#change();
  }

  /** What the stage does not hear of now, it is told with the next news. */
  #tell(): Promise<void> {
    return (this.#telling = this.#telling.then(async () => {
      await this.#api.muteMe(this.#which, true, this.#session?.secret ?? "").catch(() => {});
      this.#did++;
    }));
  }

  // What the stage tells.

  async #news(): Promise<void> {
    if (this.state.at !== "on" || this.#asking) return;
    const did = this.#did;
    let news: Me;
    this.#asking = true;
    try {
      news = await this.#api.me(this.#which, this.#note);
    } catch (e) {
      // The link was taken back. Otherwise the list of people says that the stage does not answer.
      if (e instanceof Problem && (e.status === 401 || e.status === 403)) void this.#session?.stop({ at: "removed", why: e.message });
      return;
    } finally {
      this.#asking = false;
    }
    if (!this.joined) return;
    this.me = news.seat;
    for (const note of news.notes) this.#noted(note);
    if (this.#did === did && !this.#opening && news.seat && this.state.at === "on") this.#agree(news.seat.muted, news.notes);
    this.#change();
  }

  #noted(note: Note): void {
    this.#note = Math.max(this.#note, note.n);
    if (note.kind === "ask_unmute") this.asked = this.mutedBy !== "" || (this.me?.muted ?? false);
    else if (note.kind === "removed") void this.#session?.stop({ at: "removed", why: whyOf(note) });
    else if (note.kind === "moved") void this.#session?.stop({ at: "removed", why: c.movedOff });
    else if (note.kind === "link" && note.link) this.#onLink(note.link, note.role);
  }

  #agree(muted: boolean, notes: readonly Note[]): void {
    const byHost = notes.some((note) => note.kind === "muted");
    // A seat that one comes back to is as one left it: nobody has muted it just now.
    if (muted && !this.mutedBy) this.#mute(byHost || !this.#fresh ? "host" : "self");
    else if (muted && byHost && this.mutedBy === "self") this.mutedBy = "host";
    else if (!muted && this.mutedBy) void this.#tell();
    this.#fresh = false;
  }
}

const whyOf = (note: Note): string => (note.blocked ? c.removedBlocked(note.by) : note.by ? c.removedBy(note.by) : c.removedMore);
