/** A person's own place: choose a microphone, join, speak, leave. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, Claims, Person } from "./api.ts";
import { microphones, openMicrophone, type Microphone, type Refusal } from "./microphone.ts";
import { Meter } from "./parts.tsx";
import { Session, type SessionState } from "./session.ts";

/** How long the stage keeps a seat whose speaker's network dropped (StageSettings.return_grace_s). */
const KEPT_S = 30;

/** People behind one link of a role are told apart by this; a personal link needs it not, nor does the one host's. */
export function seatOf(claims: Claims): string {
  if (claims.jti !== claims.role || claims.role === "host") return "";
  const key = `rostra-seat-${claims.room}-${claims.role}`;
  try {
    const kept = localStorage.getItem(key);
    if (kept) return kept;
  } catch {
    // Private windows may keep nothing: then this tab is a person of its own.
  }
  const seat = Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, "0")).join("");
  try {
    localStorage.setItem(key, seat);
  } catch {
    // As above.
  }
  return seat;
}

const remembered = (key: string): string => {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
};
const remember = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it is asked for again.
  }
};

export interface SeatProps {
  api: Api;
  claims: Claims;
  roomState: string;
  people: Person[];
  onState(state: SessionState, session: Session): void;
}

export function Seat({ api, claims, roomState, people, onState }: SeatProps): JSX.Element {
  const [name, setName] = useState(claims.name || remembered("rostra-name"));
  const [device, setDevice] = useState(remembered("rostra-microphone"));
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const [microphone, setMicrophone] = useState<Microphone | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [state, setState] = useState<SessionState>({ at: "idle" });
  const [muted, setMuted] = useState(false);
  const [now, setNow] = useState(Date.now());
  const audio = useRef<HTMLAudioElement>(null);
  const session = useRef<Session | null>(null);

  const open = async (id: string) => {
    try {
      const next = await openMicrophone(id);
      next.track.enabled = !muted;
      microphone?.close();
      setMicrophone(next);
      setRefusal(null);
      setDevices(await microphones());
      if (state.at === "on") await session.current?.use(next.track);
    } catch (e) {
      if (typeof e !== "string") throw e;
      if (id) return open(""); // The chosen one is gone: the system's own, then.
      setRefusal(e as Refusal);
    }
  };

  useEffect(() => {
    const refresh = async () => setDevices(await microphones());
    navigator.mediaDevices?.addEventListener("devicechange", refresh);
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => {
      navigator.mediaDevices?.removeEventListener("devicechange", refresh);
      window.clearInterval(timer);
    };
  }, []);

  useEffect(() => {
    if (roomState === "ended" || roomState === "cancelled") void session.current?.over();
  }, [roomState]);

  const join = async () => {
    if (!microphone || !name.trim()) return;
    remember("rostra-name", name.trim());
    session.current ??= new Session({
      api,
      room: claims.room,
      seat: seatOf(claims),
      name: name.trim(),
      audio: audio.current!,
      on(next) {
        setState(next);
        onState(next, session.current!);
      },
    });
    session.current.name = name.trim();
    await session.current.join(microphone.track);
  };

  const mute = () => {
    if (!microphone) return;
    microphone.track.enabled = muted;
    setMuted(!muted);
  };

  const me = people.find((p) => session.current && p.session !== "" && session.current.location.endsWith(`/${p.session}`));
  // Only the host opens the doors, by a button or by joining.
  const shut = roomState === "scheduled" && claims.role !== "host";
  const on = state.at === "on" || state.at === "lost";
  return (
    <section class="seat" aria-label={c.heading[claims.role === "speaker" ? "speak" : "host"]}>
      <audio ref={audio} autoplay />
      <div role="status" class="status" data-at={state.at}>
        {tells(state, roomState, muted, me?.muted ?? false, now)}
      </div>
      {on || state.at === "joining" ? (
        <>
          <Meter level={() => (muted ? null : (microphone?.level() ?? null))} label={c.level} />
          <div class="row">
            <button type="button" class={muted ? "main" : "second"} aria-pressed={muted} onClick={mute}>
              {muted ? c.unmute : c.mute}
            </button>
            <button type="button" class="second" onClick={() => void session.current?.leave()}>
              {c.leave}
            </button>
          </div>
          <Devices devices={devices} device={device} onChange={choose} />
        </>
      ) : state.at === "over" || roomState === "ended" || roomState === "cancelled" ? null : microphone ? (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void join();
          }}
        >
          {claims.name ? null : (
            <p class="field">
              <label for="name">{c.name}</label>
              <input id="name" required maxLength={60} autocomplete="name" value={name} onInput={(e) => setName(e.currentTarget.value)} />
            </p>
          )}
          <Devices devices={devices} device={device} onChange={choose} />
          <Meter level={() => microphone.level()} label={c.level} />
          <p class="quiet">{c.tryIt}</p>
          <button type="submit" class="main" disabled={shut}>
            {state.at === "replaced" ? c.takeBack : state.at === "idle" ? c.join : c.again}
          </button>
          <p class="quiet">{shut ? c.shut : c.headphones}</p>
        </form>
      ) : (
        <>
          <button type="button" class="main" onClick={() => void open(device)}>
            {c.allow}
          </button>
          <p class={refusal ? "warning" : "quiet"}>{refusal ? c[refusal] : c.allowMore}</p>
        </>
      )}
    </section>
  );

  function choose(id: string): void {
    setDevice(id);
    remember("rostra-microphone", id);
    void open(id);
  }
}

function Devices({ devices, device, onChange }: { devices: MediaDeviceInfo[]; device: string; onChange(id: string): void }): JSX.Element {
  return (
    <p class="field">
      <label for="device">{c.microphone}</label>
      <select id="device" value={device} onChange={(e) => onChange(e.currentTarget.value)}>
        <option value="">{c.defaultMicrophone}</option>
        {devices
          .filter((d) => d.deviceId !== "default")
          .map((d) => (
            <option key={d.deviceId} value={d.deviceId}>
              {d.label}
            </option>
          ))}
      </select>
    </p>
  );
}

/** The one sentence that says how things stand, and what follows from it. */
function tells(state: SessionState, room: string, muted: boolean, mutedByHost: boolean, now: number): JSX.Element | null {
  const say = (a: string, b = "") => (
    <>
      <p class="says">{a}</p>
      {b ? <p class="quiet">{b}</p> : null}
    </>
  );
  switch (state.at) {
    case "joining":
      return say(c.joining);
    case "on":
      if (mutedByHost) return say(c.mutedByHost);
      if (muted) return say(c.mutedSelf);
      return say(room === "live" || room === "interrupted" ? c.live : c.open);
    case "lost": {
      const left = Math.ceil(KEPT_S - (now - state.since) / 1000);
      return say(c.reconnecting, left > 0 ? c.reconnectingMore(Math.min(left, KEPT_S)) : c.reconnectingLate);
    }
    case "replaced":
      return say(c.replaced, c.replacedMore);
    case "removed":
      return say(c.removed, c.removedMore);
    case "left":
      return say(c.left);
    case "over":
      return say(c.over);
    case "failed":
      return say(c.failed, state.why);
    case "idle":
      return room === "ended" || room === "cancelled" ? say(c.over) : null;
  }
}
