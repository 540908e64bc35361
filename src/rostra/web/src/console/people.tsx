/** Who is on stage: how loud, muted or not, how well connected; and what a host can do about it. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, Person } from "./api.ts";
import { isSpeaking } from "./glance.tsx";
import type { Role } from "./link.ts";
import { Meter, Sure, Told, useTrying, type Trying } from "./parts.tsx";
import type { Place } from "./place.ts";
import { may } from "./rights.ts";

/** From here on a voice breaks up for others. */
const BAD_LOSS_PERCENT = 5;
const BAD_DELAY_MS = 300;

export interface StageListProps {
  api: Api;
  role: Role;
  place: Place;
  people: Person[];
  /** The stage does not answer at the moment. */
  away: boolean;
  locked: boolean;
  onLocked(locked: boolean): void;
  onPeople(change: (people: Person[]) => Person[]): void;
  /** One has handed over the host's seat, and has another link now. */
  onOwn(link: string): void;
}

export function StageList({ api, role, place, people, away, locked, onLocked, onPeople, onOwn }: StageListProps): JSX.Element {
  const trying = useTrying();
  const list = useRef<HTMLUListElement>(null);
  const others = people.filter((p) => !place.is(p));
  const lock = () =>
    void trying.attempt(async () => {
      await api.lock(!locked);
      onLocked(!locked);
    }, locked ? c.unlocked : c.lockedNow);
  const muteAll = () =>
    void trying.attempt(async () => {
      await api.muteAll();
      onPeople((all) => all.map((p) => (place.is(p) ? p : { ...p, muted: true })));
    }, c.allMuted);
  return (
    <>
      {may(role, "MUTE") ? (
        <div class="row">
          <button type="button" class="second" disabled={others.every((p) => p.muted)} onClick={muteAll}>
            {c.muteAll}
          </button>
          <button type="button" class={locked ? "second pressed" : "second"} onClick={lock}>
            {locked ? c.unlock : c.lock}
          </button>
        </div>
      ) : null}
      {locked ? <p class="quiet">{c.lockedMore}</p> : null}
      <Told done={trying.done} trouble={trying.trouble} />
      {away ? <p class="warning">{c.unreachable}</p> : null}
      {people.length === 0 ? <p class="quiet none">{c.alone}</p> : null}
      <ul class="people" tabIndex={-1} ref={list}>
        {people.map((p) => (
          <li key={p.seat} class={p.muted ? "muted" : ""}>
            <b>
              <bdi>{p.name || c.roles[p.role]}</bdi>
              {place.is(p) ? <small> ({c.you})</small> : null}
            </b>
            <span class="quiet">{stands(p)}</span>
            <Meter level={() => (p.muted || p.state !== "here" ? null : p.level)} />
            <Connection person={p} />
            {p.echo ? <p class="warning">{c.echo}</p> : null}
            {p.source === "clipping" && !place.is(p) ? <p class="warning">{c.tooLoud}</p> : null}
            <Actions api={api} role={role} place={place} person={p} trying={trying} onPeople={onPeople} onOwn={onOwn} onGone={() => list.current?.focus()} />
          </li>
        ))}
      </ul>
    </>
  );
}

const stands = (p: Person): string => {
  return [c.roles[p.role], p.muted ? c.muted : "", isSpeaking(p) ? c.speaking : p.source === "silent" && !p.muted ? c.noSound : "", c.states[p.state] ?? ""].filter(Boolean).join(" · ");
};

function Connection({ person: p }: { person: Person }): JSX.Element | null {
  if (p.state !== "here" || (p.loss === null && p.delay === null)) return null;
  const bad = (p.loss ?? 0) >= BAD_LOSS_PERCENT || (p.delay ?? 0) >= BAD_DELAY_MS;
  return (
    <p class={bad ? "figures bad" : "figures quiet"}>
      <span>{bad ? c.badConnection : c.goodConnection}</span>
      {p.loss !== null ? <span>{`${c.loss} ${c.percent(p.loss)}`}</span> : null}
      {p.delay !== null ? <span>{`${c.delay} ${c.ms(p.delay)}`}</span> : null}
    </p>
  );
}

function Actions({ api, role, place, person: p, trying, onPeople, onOwn, onGone }: {
  api: Api;
  role: Role;
  place: Place;
  person: Person;
  trying: Trying;
  onPeople(change: (people: Person[]) => Person[]): void;
  onOwn(link: string): void;
  /** With them goes what had the focus. */
  onGone(): void;
}): JSX.Element | null {
  const mine = place.is(p);
  if (!may(role, "MUTE") || mine) return null;
  const name = p.name || c.roles[p.role] || "";
  const change = (what: Partial<Person>) => onPeople((all) => all.map((q) => (q.seat === p.seat ? { ...q, ...what } : q)));
  const mute = () =>
    void trying.attempt(async () => {
      await api.mute(p.seat);
      change({ muted: true });
    }, c.mutedThem(name));
  const ask = () => void trying.attempt(() => api.askUnmute(p.seat), c.askedThem(name));
  const free = (block: boolean) =>
    void trying.attempt(async () => {
      const { hint } = await api.free(p.seat, block);
      onPeople((all) => all.filter((q) => q.seat !== p.seat));
      onGone();
      return [block ? c.blockedThem(name) : c.removedThem(name), hint ?? ""].join(" ").trim();
    });
  const appoint = (to: Role) =>
    void trying.attempt(async () => {
      const { link, hint } = await api.appoint(p.seat, to);
      if (link) onOwn(link);
      const told = to === "host" ? c.handedOver : to === "cohost" ? c.appointed : c.demoted;
      return [told(name), hint ?? ""].join(" ").trim();
    });
  const more: JSX.Element[] = [];
  if (p.role !== "host" || role === "host")
    more.push(
      <Sure small key="remove" label={c.remove} name={c.removeThem(name)} question={c.removeSure(name)} yes={c.yesRemove} onYes={() => free(false)} />,
      <Sure small key="block" label={c.block} name={c.blockThem(name)} question={c.blockSure(name)} yes={c.yesBlock} onYes={() => free(true)} />,
    );
  if (may(role, "APPOINT") && p.role === "speaker")
    more.push(
      <button key="appoint" type="button" class="small" aria-label={c.appointThem(name)} onClick={() => appoint("cohost")}>
        {c.appoint}
      </button>,
    );
  if (may(role, "APPOINT") && p.role === "cohost")
    more.push(
      <Sure small key="demote" label={c.demote} name={c.demoteThem(name)} question={c.demoteSure(name)} yes={c.yesDemote} onYes={() => appoint("speaker")} />,
    );
  if (may(role, "HAND_OVER") && p.role === "cohost")
    more.push(
      <Sure small key="over" label={c.handOver} name={c.handOverTo(name)} question={c.handOverSure(name)} yes={c.yesHandOver} onYes={() => appoint("host")} />,
    );
  return (
    <div class="actions">
      {p.muted ? (
        <button type="button" class="small" aria-label={c.askThem(name)} onClick={ask}>
          {c.askUnmute}
        </button>
      ) : (
        <button type="button" class="small" aria-label={c.muteThem(name)} onClick={mute}>
          {c.mute}
        </button>
      )}
      {more.length ? (
        <details class="more">
          <summary aria-label={c.moreFor(name)}>{c.more}</summary>
          <div class="row">{more}</div>
        </details>
      ) : null}
    </div>
  );
}
