/** The room's own life at the host's hand: doors, start, broadcast delay, end; and the dump button. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, RoomView } from "./api.ts";
import { count, moment, span } from "./figures.ts";
import type { Role } from "./link.ts";
import { Field, Sure, Told, useTrying } from "./parts.tsx";
import { may } from "./rights.ts";

const MAX_DELAY_S = 30;

export const isOver = (state: string): boolean => state === "ended" || state === "cancelled";
export const isOnAir = (state: string): boolean => ["open", "live", "interrupted"].includes(state);
const isLive = (state: string): boolean => state === "live" || state === "interrupted";

/** How long until it begins, by the server's clock; or that it is late. */
export function Countdown({ room, nowMs, hosting }: { room: RoomView; nowMs: number; hosting: boolean }): JSX.Element | null {
  if (room.state !== "scheduled" && room.state !== "open") return null;
  const atMs = Date.parse(room.at);
  if (Number.isNaN(atMs)) return null;
  const left = (atMs - nowMs) / 1000;
  if (left <= 0) return <p class="late">{hosting ? c.lateHost : c.late}</p>;
  return (
    <p class="countdown" role="timer">
      {c.beginsIn} <b>{span(left)}</b> <span class="quiet">{c.atTime(moment(atMs, nowMs))}</span>
    </p>
  );
}

export function Life({ api, role, room, listening, rsvps, nowMs, onRoom }: {
  api: Api;
  role: Role;
  room: RoomView;
  listening: number | null;
  rsvps: number | null;
  nowMs: number;
  onRoom(room: RoomView): void;
}): JSX.Element {
  const trying = useTrying();
  const heading = useRef<HTMLHeadingElement>(null);
  const doing = async (work: () => Promise<RoomView>) => {
    // The button that was pressed goes with the state it was for.
    if (await trying.attempt(async () => onRoom(await work()))) heading.current?.focus({ preventScroll: true });
  };
  const { state } = room;
  return (
    <section class="life" aria-label={c.room}>
      <h2 ref={heading} tabIndex={-1}>
        {c.room}
      </h2>
      <p class={`says state ${state}`} role="status">
        {c.state[state] ?? state}
      </p>
      <Countdown room={room} nowMs={nowMs} hosting />
      <p class="quiet counts">
        {[
          isOnAir(state) && listening !== null ? c.listening(listening, count(listening)) : "",
          !isLive(state) && !isOver(state) && rsvps ? c.rsvps(rsvps, count(rsvps)) : "",
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {state === "scheduled" && may(role, "OPEN_DOORS") ? (
        <>
          <button type="button" class="main" disabled={trying.busy} onClick={() => void doing(api.open)}>
            {c.openDoors}
          </button>
          <p class="quiet">{c.openMore}</p>
        </>
      ) : null}
      {state === "open" && may(role, "START") ? (
        <>
          <button type="button" class="main go" disabled={trying.busy} onClick={() => void doing(api.start)}>
            {c.goOnAir}
          </button>
          <p class="quiet">{c.goMore}</p>
        </>
      ) : null}
      {!isOver(state) && may(role, "SET_DELAY") ? <Delay api={api} room={room} onRoom={onRoom} /> : null}
      {isOnAir(state) && may(role, "END") ? (
        <Sure label={c.end} question={c.endSure} yes={c.yesEnd} onYes={() => void doing(api.end)} />
      ) : null}
      <Told trouble={trying.trouble} />
    </section>
  );
}

function Delay({ api, room, onRoom }: { api: Api; room: RoomView; onRoom(room: RoomView): void }): JSX.Element {
  const [wanted, setWanted] = useState<number | null>(null);
  const trying = useTrying();
  const shown = wanted ?? room.delay_s;
  const set = () =>
    void trying.attempt(async () => {
      await api.delay(shown);
      onRoom({ ...room, delay_s: shown });
      setWanted(null);
    }, c.delaySet(shown));
  return (
    <div class="delay">
      <Field label={`${c.broadcastDelay}: ${c.seconds(shown)}`} hint={c.broadcastDelayMore}>
        {(ties) => (
          <input {...ties} type="range" min={0} max={MAX_DELAY_S} step={1} value={shown} aria-valuetext={c.seconds(shown)} onInput={(e) => setWanted(Number(e.currentTarget.value))} />
        )}
      </Field>
      {shown !== room.delay_s ? (
        <div class="row">
          <button type="button" class="small" disabled={trying.busy} onClick={set}>
            {c.setDelay(shown)}
          </button>
          <button type="button" class="small" onClick={() => setWanted(null)}>
            {c.leaveDelay(room.delay_s)}
          </button>
        </div>
      ) : null}
      <Told done={trying.done} trouble={trying.trouble} />
    </div>
  );
}

/** Big, and always there while something can be dumped. */
export function Dump({ delayS, holding, said, trouble, onDump }: {
  delayS: number;
  holding: boolean;
  said: string;
  trouble: string;
  onDump(): void;
}): JSX.Element {
  return (
    <div class="dumping">
      <button type="button" class={holding ? "dump holding" : "dump"} onClick={onDump} aria-describedby="dump-more">
        {c.dump}
      </button>
      <p id="dump-more" class="hint">
        {c.dumpMore(delayS)}
      </p>
      <Told done={said} trouble={trouble} />
    </div>
  );
}
