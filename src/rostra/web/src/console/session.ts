/**
 * One speaker's connection to the stage: the microphone out by WHIP (RFC 9725), everybody else in by WHEP.
 *
 * A lost network is a new session on the same seat, which the stage keeps for 30 s; we go on trying after that too. A
 * second tab takes the seat over: the first is told by the tab itself where they share a browser, and by the
 * stage, which closes its connection, where they do not. Then this one does not fight for the seat.
 */
import { backoff } from "../listen/backoff.ts";
import type { Api } from "./api.ts";
import { Problem, sentence } from "./door.ts";

export type SessionState =
  | { at: "idle" }
  | { at: "joining" }
  | { at: "on" }
  | { at: "lost"; since: number }
  | { at: "replaced" }
  | { at: "removed"; why: string }
  | { at: "left" }
  | { at: "over" }
  | { at: "failed"; why: string };

export interface SessionOptions {
  api: Api;
  /** Whose seat it is: tabs of the same person find one another by it. */
  person: string;
  seat: string;
  name: string;
  audio: HTMLAudioElement;
  /** What the stage says of why it let go of us; null: nothing that keeps us from coming back. */
  why(): Promise<SessionState | null>;
  on(state: SessionState): void;
}

/** A connection that is shaky for so long is taken for lost. */
const SHAKY_S = 2.5;
/** Candidates that are not gathered by then do not come. */
const GATHER_S = 2;
/** Why we were let go is asked before we come back; who does not answer by then is told by coming. */
const WHY_WITHIN_S = 2;
/** From the offer to a connection that carries sound. */
const CONNECT_S = 12;

export class Session {
  state: SessionState = { at: "idle" };
  /** The session's address at the stage, whose last step is its name: a secret between the stage and us. */
  location = "";
  #track: MediaStreamTrack | null = null;
  #out: RTCPeerConnection | null = null;
  #in: RTCPeerConnection | null = null;
  #inLocation = "";
  #attempt = 0;
  #timer = 0;
  #run = 0;
  #lock: WakeLockSentinel | null = null;
  readonly #options: SessionOptions;
  readonly #tabs: BroadcastChannel;
  readonly #ears = new AbortController();
  readonly #tab = crypto.getRandomValues(new Uint32Array(2)).join("-");

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#tabs = new BroadcastChannel(`rostra-stage-${options.api.id}-${options.person}`);
    this.#tabs.onmessage = (e) => {
      if (e.data !== this.#tab && (this.state.at === "on" || this.state.at === "lost" || this.state.at === "joining")) this.#replaced();
    };
    const { signal } = this.#ears;
    document.addEventListener("visibilitychange", () => void this.#wake(), { signal });
    addEventListener("online", () => this.state.at === "lost" && this.#again(0), { signal });
    // The seat is kept: who loads the page again comes back to it, to a stage that is locked too.
    const goodbye = () => {
      for (const at of [this.location, this.#inLocation]) if (at) void options.api.hangup(at, true).catch(() => {});
    };
    addEventListener("pagehide", goodbye, { signal });
  }

  /** What proves to the stage that it is us, to whom it gave it. */
  get secret(): string {
    return this.location.split("/").pop() ?? "";
  }

  set name(name: string) {
    this.#options.name = name;
  }

  async join(track: MediaStreamTrack): Promise<void> {
    this.#track = track;
    this.#tabs.postMessage(this.#tab);
    this.#attempt = 0;
    this.#set({ at: "joining" });
    await this.#connect();
  }

  /** Another microphone, without a gap. */
  async use(track: MediaStreamTrack): Promise<void> {
    this.#track = track;
    await this.#out?.getSenders()[0]?.replaceTrack(track);
  }

  async leave(): Promise<void> {
    await this.#hangup();
    this.#set({ at: "left" });
  }

  /** The room has ended, or a host has taken the seat: there is nothing to come back to. */
  async stop(end: { at: "over" } | { at: "removed"; why: string }): Promise<void> {
    if (this.state.at === "idle" || this.state.at === "over" || this.state.at === "removed") return;
    this.#set(end);
    await this.#hangup();
  }

  /** For good: this page goes on with another link, to which the stage keeps the seat. */
  async close(): Promise<void> {
    this.#ears.abort();
    this.#tabs.close();
    await this.#hangup(true);
    this.state = { at: "idle" };
    await this.#wake();
  }

  #set(state: SessionState): void {
    this.state = state;
    void this.#wake();
    this.#options.on(state);
  }

  #replaced(): void {
    this.#close();
    this.location = this.#inLocation = ""; // They are another tab's now: hanging up would end its session.
    this.#set({ at: "replaced" });
  }

  async #hangup(keep = false): Promise<void> {
    const places = [this.location, this.#inLocation].filter(Boolean);
    this.location = this.#inLocation = "";
    this.#close();
    await Promise.allSettled(places.map((at) => this.#options.api.hangup(at, keep)));
  }

  #close(): void {
    this.#run++;
    window.clearTimeout(this.#timer);
    this.#out?.close();
    this.#in?.close();
    this.#out = this.#in = null;
  }

  async #connect(): Promise<void> {
    this.#close();
    const run = this.#run;
    const { api } = this.#options;
    try {
      const iceServers = await api.iceServers();
      if (run !== this.#run) return;
      const out = (this.#out = new RTCPeerConnection({ iceServers }));
      out.addTransceiver(this.#track!, { direction: "sendonly" });
      this.location = await this.#exchange(out, "whip");
      await connected(out);
      if (run !== this.#run) return;
      this.#watch(out, run);
      await this.#listen(iceServers, run);
      if (run !== this.#run) return;
      this.#attempt = 0;
      this.#set({ at: "on" });
    } catch (e) {
      if (run === this.#run) this.#failed(e);
    }
  }

  /** Everybody but ourselves. */
  async #listen(iceServers: RTCIceServer[], run: number): Promise<void> {
    const back = (this.#in = new RTCPeerConnection({ iceServers }));
    back.addTransceiver("audio", { direction: "recvonly" });
    back.ontrack = ({ track, receiver }) => {
      // The stage paces its packets; what the browser adds on top is delay that people talk over.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 40;
      this.#options.audio.srcObject = new MediaStream([track]);
      void this.#options.audio.play().catch(() => {});
    };
    this.#inLocation = await this.#exchange(back, "whep");
    await connected(back);
    if (run === this.#run) this.#watch(back, run);
  }

  async #exchange(connection: RTCPeerConnection, kind: "whip" | "whep"): Promise<string> {
    const { api, seat, name } = this.#options;
    await connection.setLocalDescription();
    await gathered(connection);
    const session = kind === "whep" ? this.secret : "";
    const answer = await api.offer(kind, connection.localDescription!.sdp, seat, name, session);
    await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    return answer.location;
  }

  #watch(connection: RTCPeerConnection, run: number): void {
    let shaky = 0;
    const look = () => {
      window.clearTimeout(shaky);
      if (run !== this.#run) return;
      const state = connection.connectionState;
      if (state === "failed" || state === "closed") void this.#lost(state === "closed");
      else if (state === "disconnected") shaky = window.setTimeout(() => run === this.#run && void this.#lost(false), SHAKY_S * 1000);
    };
    connection.addEventListener("connectionstatechange", look);
    // The stage says goodbye by closing DTLS; browsers tell it of the transport, not of the connection.
    const transport = (connection.getSenders()[0]?.transport ?? connection.getReceivers()[0]?.transport) as RTCDtlsTransport | null;
    transport?.addEventListener("statechange", () => {
      if (run === this.#run && transport.state === "closed") void this.#lost(true);
    });
  }

  /**
   * `goodbye`: the stage closed it in order. It is asked why, by a goodbye of ours: 409 says that another has the seat
   * now, 401 and 403 that the link was taken back, 410 that the room is over. Anything else, and any loss without a
   * word, is a reason to come back, unless what it wrote for us says otherwise (`why`): a stage that begins anew knows
   * this session as little as one that has put us off.
   */
  async #lost(goodbye: boolean): Promise<void> {
    const mine = this.location;
    this.#close();
    this.#set({ at: "lost", since: Date.now() });
    const run = this.#run;
    if (goodbye) {
      try {
        await this.#options.api.hangup(mine);
      } catch (e) {
        if (run !== this.#run) return;
        const status = e instanceof Problem ? e.status : 0;
        if (status === 409) return this.#replaced();
        if (status === 401 || status === 403) return this.#set({ at: "removed", why: sentence(e) });
        if (status === 410) return this.#set({ at: "over" });
      }
    }
    if (run === this.#run) this.#again(backoff(this.#attempt++, Math.random()) / 2);
  }

  #again(inS: number): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#back(), inS * 1000);
  }

  /** Once more, if nothing keeps us from it. */
  async #back(): Promise<void> {
    const run = this.#run;
    const late = new Promise<null>((done) => window.setTimeout(() => done(null), WHY_WITHIN_S * 1000));
    const end = this.state.at === "lost" ? await Promise.race([this.#options.why().catch(() => null), late]) : null;
    if (run !== this.#run) return;
    if (end) this.#set(end);
    else await this.#connect();
  }

  #failed(e: unknown): void {
    this.#close();
    const final = e instanceof Problem && e.status >= 400 && e.status < 500 && e.status !== 429;
    if (final) return this.#set({ at: "failed", why: (e as Problem).message });
    if (this.state.at === "joining" && this.#attempt >= 2)
      return this.#set({ at: "failed", why: sentence(e) });
    if (this.state.at !== "joining" && this.state.at !== "lost") this.#set({ at: "lost", since: Date.now() });
    this.#again(Math.min(5, backoff(this.#attempt++, Math.random())));
  }

  /** A phone that falls asleep on stage falls silent. */
  async #wake(): Promise<void> {
    const want = this.state.at === "on" || this.state.at === "lost";
    try {
      if (want && !document.hidden && (!this.#lock || this.#lock.released))
        this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
      else if (!want) await this.#lock?.release();
    } catch {
      // Low battery or no such thing: then the phone's own rules hold.
    }
  }
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    const timer = window.setTimeout(done, GATHER_S * 1000);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      window.clearTimeout(timer);
      done();
    });
  });
}

function connected(connection: RTCPeerConnection): Promise<void> {
  return new Promise((done, fail) => {
    const timer = window.setTimeout(() => fail(new Error("no connection came about")), CONNECT_S * 1000);
    const look = () => {
      const state = connection.connectionState;
      if (state === "connected") done();
      else if (state === "failed" || state === "closed") fail(new Error("no connection came about"));
      else return;
      window.clearTimeout(timer);
    };
    connection.addEventListener("connectionstatechange", look);
    look();
  });
}
