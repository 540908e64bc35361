/** A person's own place on the page: the green room before joining, then what they do on stage. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Keys } from "./keys.ts";
import { canRecord, HEAR_S, record } from "./microphone.ts";
import { Check, Field, Meter } from "./parts.tsx";
import type { Place } from "./place.ts";
import type { SessionState } from "./session.ts";

/** How long the stage keeps a seat whose speaker's network dropped (StageSettings.return_grace_s). */
const KEPT_S = 30;

export interface SeatProps {
  place: Place;
  roomState: string;
  keys: Keys;
  nowMs: number;
}

export function Seat({ place, roomState, keys, nowMs }: SeatProps): JSX.Element {
  const { state, microphone, claims } = place;
  const section = useRef<HTMLElement>(null);
  const audio = useRef<HTMLAudioElement>(null);
  // A layout effect comes before the others: a place that comes from another link joins at once.
  useLayoutEffect(() => {
    place.audio = audio.current;
  }, [place]);
  const first = useRef(true);
  useEffect(() => {
    // What was pressed is gone: the focus goes to what is to be pressed next, not back to the top of the page.
    if (!first.current && document.activeElement === document.body)
      section.current?.querySelector<HTMLElement>("button.mute, form input, button:not(:disabled)")?.focus({ preventScroll: true });
    first.current = false;
  }, [state.at, microphone === null, place.asked]);
  // Speakers come when the doors are open; hosts and co-hosts open them by coming.
  const shut = roomState === "scheduled" && claims.role === "speaker";
  const over = state.at === "over" || roomState === "ended" || roomState === "cancelled";
  const away = state.at === "left" || state.at === "removed" || state.at === "replaced";
  return (
    <section class="seat" aria-label={c.yourPlace} ref={section}>
      <audio ref={audio} autoplay />
      <div role="status" class="status" data-at={state.at}>
        {tells(place, roomState, nowMs)}
      </div>
      {over ? null : (
        <>
          <Asked place={place} />
          <Complaint place={place} />
          {place.joined ? (
            <OnStage place={place} keys={keys} />
          ) : microphone ? (
            <GreenRoom place={place} shut={shut} />
          ) : away ? (
            <button type="button" class="main" onClick={() => void place.join()}>
              {state.at === "replaced" ? c.takeBack : c.again}
            </button>
          ) : (
            <>
              <button type="button" class="main" onClick={() => void place.open()}>
                {c.allow}
              </button>
              {place.refusal ? null : <p class="quiet">{c.allowMore}</p>}
            </>
          )}
          {place.refusal ? (
            <p class="warning" role="alert">
              {c[place.refusal]}
            </p>
          ) : null}
        </>
      )}
    </section>
  );
}

/** Off air: who one is, which microphone, and whether it works. */
function GreenRoom({ place, shut }: { place: Place; shut: boolean }): JSX.Element {
  const { state, claims } = place;
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void place.join();
      }}
    >
      {claims.name ? (
        <p>{c.hello(claims.name)}</p>
      ) : (
        <Field label={c.name}>
          {(ties) => (
            <input {...ties} required maxLength={60} autocomplete="name" value={place.name} onInput={(e) => place.setName(e.currentTarget.value)} />
          )}
        </Field>
      )}
      <Devices place={place} />
      <Meter level={() => place.microphone?.moment().db ?? null} label={c.level} />
      <p role="status" class={place.heard ? "good" : "quiet"}>
        {place.heard ? c.weHear : c.saySomething}
      </p>
      <HearBack place={place} />
      <button type="submit" class="main" disabled={shut}>
        {state.at === "failed" ? c.retry : c.join}
      </button>
      <p class="quiet">{shut ? c.shut : c.headphones}</p>
    </form>
  );
}

type Hearing = { at: "idle" | "recording" | "failed" } | { at: "playing"; url: string };

/** Three seconds of oneself, as the others would hear them. Nothing of it leaves this page. */
function HearBack({ place }: { place: Place }): JSX.Element | null {
  const [hearing, setHearing] = useState<Hearing>({ at: "idle" });
  const url = hearing.at === "playing" ? hearing.url : "";
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  if (!canRecord()) return null;
  const hear = async () => {
    if (!place.microphone) return;
    setHearing({ at: "recording" });
    try {
      setHearing({ at: "playing", url: await record(place.microphone.stream) });
    } catch {
      setHearing({ at: "failed" });
    }
  };
  return (
    <div class="hearback">
      <button type="button" class="second" disabled={hearing.at !== "idle" && hearing.at !== "failed"} onClick={() => void hear()}>
        {hearing.at === "recording" ? c.recording(HEAR_S) : hearing.at === "playing" ? c.playing : c.hearYourself(HEAR_S)}
      </button>
      <p class="quiet" role="status">
        {hearing.at === "failed" ? c.noRecording : c.hearYourselfMore}
      </p>
      {url ? <audio src={url} autoplay onEnded={() => setHearing({ at: "idle" })} onError={() => setHearing({ at: "failed" })} /> : null}
    </div>
  );
}

function OnStage({ place, keys }: { place: Place; keys: Keys }): JSX.Element {
  const muted = place.mutedBy !== "";
  return (
    <>
      <Meter level={() => (muted ? null : (place.microphone?.moment().db ?? null))} label={c.level} />
      <button type="button" class={muted ? "main mute" : "second mute"} onClick={() => void place.toggle()}>
        {muted ? c.unmute : c.mute}
      </button>
      {place.trouble ? (
        <p class="warning" role="alert">
          {place.trouble}
        </p>
      ) : null}
      <Devices place={place} />
      <Check label={place.claims.role === "speaker" ? c.keysMute : c.keysAll} checked={keys.on} onChange={keys.setOn} />
      <button type="button" class="second" onClick={() => void place.leave()}>
        {c.leave}
      </button>
    </>
  );
}

function Asked({ place }: { place: Place }): JSX.Element {
  return (
    <div role="alert">
      {place.asked && place.mutedBy ? (
        <div class="asked">
          <p>{c.askedUnmute}</p>
          <div class="row">
            <button type="button" class="main" onClick={() => void place.toggle()}>
              {c.unmuteNow}
            </button>
            <button type="button" class="second" onClick={() => place.notNow()}>
              {c.notNow}
            </button>
          </div>
        </div>
      ) : null}
    </div>
  );
}

function Complaint({ place }: { place: Place }): JSX.Element {
  return <div role="alert">{place.complaint ? <p class="warning">{c.complaints[place.complaint]}</p> : null}</div>;
}

function Devices({ place }: { place: Place }): JSX.Element {
  return (
    <Field label={c.microphone}>
      {(ties) => (
        <select {...ties} value={place.device} onChange={(e) => void place.choose(e.currentTarget.value)}>
          <option value="">{c.defaultMicrophone}</option>
          {place.devices
            .filter((d) => d.deviceId !== "default")
            .map((d) => (
              <option key={d.deviceId} value={d.deviceId}>
                {d.label || c.unnamedMicrophone}
              </option>
            ))}
        </select>
      )}
    </Field>
  );
}

/** The one sentence that says how things stand, and what follows from it. */
function tells(place: Place, room: string, nowMs: number): JSX.Element | null {
  const say = (a: string, b = "") => (
    <>
      <p class="says">{a}</p>
      {b ? <p class="quiet">{b}</p> : null}
    </>
  );
  const { state } = place;
  switch (state.at) {
    case "joining":
      return say(c.joining);
    case "on":
      if (place.mutedBy === "host") return say(c.mutedByHost, c.mutedByHostMore);
      if (place.mutedBy === "call") return say(c.mutedByCall, c.mutedByCallMore);
      if (place.mutedBy) return say(c.mutedSelf);
      return say(room === "live" || room === "interrupted" ? c.live : c.open);
    case "lost":
      return say(c.reconnecting, kept(state, nowMs));
    case "replaced":
      return say(c.replaced, c.replacedMore);
    case "removed":
      return say(c.removed, state.why || c.removedMore);
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

/** In steps of five seconds: it is read aloud. */
function kept(state: Extract<SessionState, { at: "lost" }>, nowMs: number): string {
  const left = Math.ceil((KEPT_S - (nowMs - state.since) / 1000) / 5) * 5;
  return left > 0 ? c.reconnectingMore(Math.min(left, KEPT_S)) : c.reconnectingLate;
}
