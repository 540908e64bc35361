/** The page of everyone with a link to the stage: their place, who else is there, and a host's tools by their role. */
import { render, type JSX } from "preact";
import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { airOf, standsAt } from "./air.ts";
import { Announcement } from "./announcement.tsx";
import { Rooms, type Person, type RoomView } from "./api.ts";
import { Problem, sentence } from "./door.ts";
import { Glance } from "./glance.tsx";
import { Hands } from "./hands.tsx";
import { useKeys } from "./keys.ts";
import { Countdown, Dump, isOnAir, isOver, Life } from "./life.tsx";
import { addressOf, claimsOf, remember, remembered, tokenOf, type Claims } from "./link.ts";
import { LinkList } from "./links.tsx";
import { Frame, useEvery, useNow } from "./parts.tsx";
import { StageList } from "./people.tsx";
import { Place, type Carry } from "./place.ts";
import { Posts } from "./posts.tsx";
import { Reports } from "./reports.tsx";
import { may } from "./rights.ts";
import { Seat } from "./seat.tsx";
import { AirSign } from "./sign.tsx";
import { Tabs } from "./tabs.tsx";

const PEOPLE_EVERY_S = 1;
const ROOM_EVERY_S = 2;
const COUNTS_EVERY_S = 5;
/** How long it is said that a link has changed, or that something was dumped. */
const SAID_FOR_S = 20;

/** A link to the stage, and what its holder brings along from the one before. */
interface Pass {
  token: string;
  claims: Claims;
  carry: Carry | null;
  said: string;
}

function Stage({ pass, onPass }: { pass: Pass; onPass(pass: Pass): void }): JSX.Element {
  const { claims } = pass;
  const { role } = claims;
  const hosting = role !== "speaker";
  const api = useMemo(() => new Rooms(pass.token).of(claims.room), []);
  const place = useMemo(() => new Place(api, claims, pass.carry), []);
  const [, changed] = useReducer((n: number, _: null) => n + 1, 0);
  const [room, setRoom] = useState<RoomView | null>(null);
  const [people, setPeople] = useState<Person[]>([]);
  const [listening, setListening] = useState<number | null>(null);
  const [hands, setHands] = useState<number | null>(null);
  const [rsvps, setRsvps] = useState<number | null>(null);
  const [trouble, setTrouble] = useState("");
  /** This link opens nothing (any more). */
  const [shut, setShut] = useState(false);
  const [tab, setTab] = useState("stage");
  const [newest, setNewest] = useState("");
  const [read, setRead] = useState(remembered(`rostra-reports-${claims.room}`));
  const [away, setAway] = useState(false);
  /** Where the room is, by the stage itself. */
  const [stageAt, setStageAt] = useState("");
  const [said, setSaid] = useState(pass.said);
  const clock = api.door.clock;
  const nowMs = useNow(() => clock.now());
  /** As listeners are told, and as it is for who speaks: with a broadcast delay the one is late. */
  const announced = room?.state ?? "";
  const state = standsAt(announced, room?.go ?? false, stageAt);

  const changing = useRef(false);
  const changeOver = async (link: string, sentenceOf: (role: string) => string) => {
    const next = addressOf(link);
    if (!next.claims || next.claims.room !== claims.room || next.token === pass.token || changing.current) return;
    changing.current = true;
    const carry = await place.carry();
    history.replaceState(null, "", next.address);
    onPass({ token: next.token, claims: next.claims, carry, said: sentenceOf(next.claims.role) });
  };
  useEffect(() => place.start(() => changed(null), (link) => void changeOver(link, (to) => c.changedOver[to] ?? "")), []);
  useEffect(() => {
    const timer = said ? window.setTimeout(() => setSaid(""), SAID_FOR_S * 1000) : 0;
    return () => window.clearTimeout(timer);
  }, [said]);
  useEffect(() => {
    if (isOver(state)) void place.over();
    if (room) place.know(room);
  }, [state, room, place.joined]);

  // A link that is not good is not asked with again and again: the server takes it for guessing.
  const refused = useRef(false);
  const asked = useRef(0);
  const took = (next: RoomView) => {
    asked.current++; // What was asked for before is older than this.
    setRoom((old) => ({ ...next, public: next.public || old?.public || "" }));
  };
  useEvery(async () => {
    const mine = asked.current;
    if (refused.current) return;
    try {
      const next = await api.room();
      if (mine !== asked.current) return;
      setRoom(next);
      setShut(false);
      setTrouble("");
    } catch (e) {
      if (!(e instanceof Problem) || e.status >= 500) return;
      refused.current = e.status === 401;
      setShut([401, 403, 404, 410].includes(e.status));
      setTrouble(e.message);
    }
  }, ROOM_EVERY_S, api);

  const onAir = isOnAir(announced);
  /** Before the doors open too there may be a green room, while somebody is in it. */
  const staged = onAir || (announced === "scheduled" && place.joined);
  useEvery(async () => {
    if (!staged) {
      setStageAt("");
      return setPeople([]);
    }
    if (refused.current) return;
    try {
      const found = await api.people();
      setPeople(found.people);
      setStageAt(found.state);
      setListening(found.listening);
      setAway(false);
    } catch {
      setStageAt("");
      setAway(true);
    }
  }, PEOPLE_EVERY_S, api, staged);

  const heardOfHands = useRef(0);
  const tookHands = (total: number | null) => {
    heardOfHands.current = Date.now();
    setHands(total);
  };
  useEvery(async () => {
    if (!hosting || !state || isOver(state) || refused.current) return;
    // The open list of hands counts them itself.
    if (Date.now() - heardOfHands.current > COUNTS_EVERY_S * 1000)
      await api.hands("", "at", 1, "").then((found) => setHands(found.total), () => {});
    await api.reports(1, "").then((found) => setNewest(String(found.items[0]?.id ?? "")), () => {});
    if (state === "scheduled" || state === "open") await api.rsvps().then((found) => setRsvps(found.count ?? null), () => {});
  }, COUNTS_EVERY_S, api, state);

  useEffect(() => {
    if (tab !== "reports" || !newest) return;
    remember(`rostra-reports-${claims.room}`, newest);
    setRead(newest);
  }, [tab, newest]);

  const delay = room?.delay_s ?? 0;
  const canDump = may(role, "DUMP") && onAir && delay > 0;
  const [dumped, setDumped] = useState({ done: "", trouble: "" });
  const dump = async () => {
    try {
      const { dumped_s } = await api.dump();
      setDumped({ done: c.dumped(dumped_s ?? 0), trouble: "" });
    } catch (e) {
      setDumped({ done: "", trouble: sentence(e) });
    }
  };
  useEffect(() => {
    const timer = dumped.done ? window.setTimeout(() => setDumped({ done: "", trouble: "" }), SAID_FOR_S * 1000) : 0;
    return () => window.clearTimeout(timer);
  }, [dumped]);
  const keys = useKeys(() => void place.toggle(), canDump ? () => void dump() : null);

  const title = room?.title ?? claims.room;
  const front = room?.public ?? "";
  const list = (
    <StageList
      api={api}
      role={role}
      place={place}
      people={people}
      away={away}
      locked={room?.locked ?? false}
      onLocked={(locked) => room && took({ ...room, locked })}
      onPeople={setPeople}
      onOwn={(link) => void changeOver(link, (to) => c.changedOver[to] ?? "")}
    />
  );
  const toHands = () => {
    setTab("hands");
    document.getElementById("tab-hands")?.focus();
  };
  const about = (at: string): string => people.find((p) => p.seat === at)?.name ?? at;
  return (
    <Frame
      eyebrow={shut && !room ? "" : c.heading[role]!}
      title={title}
      above={
        <AirSign air={airOf(state, place.state.at, place.mutedBy !== "")} joined={place.joined} delayS={delay} title={title}>
          {hosting && staged ? <Glance state={state} people={people} hands={hands} nowMs={nowMs} onHands={toHands} /> : null}
          {canDump ? <Dump delayS={delay} holding={keys.holding} said={dumped.done} trouble={dumped.trouble} onDump={() => void dump()} /> : null}
        </AirSign>
      }
    >
      <div class="told">
        <div role="alert">{trouble ? <p class="warning">{trouble}</p> : null}</div>
        <p role="status" class={said ? "news" : ""}>
          {said}
        </p>
      </div>
      <div class="own">
        {room && !hosting ? <Countdown room={room} nowMs={nowMs} hosting={false} /> : null}
        {shut && place.state.at === "idle" ? null : <Seat place={place} roomState={state} keys={keys} nowMs={Date.now()} />}
        {room && hosting ? <Life api={api} role={role} room={{ ...room, state }} listening={listening ?? room.listening} rsvps={rsvps} nowMs={nowMs} onRoom={took} /> : null}
      </div>
      <div class="side">
        {shut && !room ? null : !hosting ? (
          <section>
            <h2>{c.people}</h2>
            {staged ? list : <p class="quiet">{isOver(state) ? c.over : c.stageShut}</p>}
          </section>
        ) : room ? (
          <Tabs
            label={c.tools}
            at={tab}
            onAt={setTab}
            tabs={[
              { id: "stage", label: c.people, badge: people.length ? String(people.length) : "", render: () => (staged ? list : <p class="quiet">{isOver(state) ? c.over : c.stageShut}</p>) },
              { id: "hands", label: c.hands, badge: hands ? hands.toLocaleString() : "", render: () => <Hands api={api} nowMs={nowMs} onTotal={tookHands} /> },
              { id: "posts", label: c.posts, render: () => <Posts api={api} front={front} nowMs={nowMs} /> },
              { id: "links", label: c.links, render: () => <LinkList api={api} claims={claims} room={room} onOwn={(link) => void changeOver(link, () => c.reissuedOwn)} /> },
              { id: "announcement", label: c.announcement, render: () => <Announcement api={api} role={role} room={room} now={() => clock.now()} onRoom={took} /> },
              { id: "reports", label: c.reports, badge: newest && newest !== read ? c.unread : "", render: () => <Reports load={api.reports} nowMs={nowMs} named={(r) => (r.about ? c.about(about(r.about)) : "")} /> },
            ]}
          />
        ) : null}
      </div>
    </Frame>
  );
}

function Door({ first }: { first: Pass }): JSX.Element {
  const [pass, setPass] = useState(first);
  return <Stage key={pass.token} pass={pass} onPass={setPass} />;
}

/** The same for the speaker's and the host's address: what there is follows from the link's role. */
export function start(): void {
  const token = tokenOf(location.hash);
  const claims = claimsOf(token);
  const app = document.getElementById("app")!;
  document.title = c.app;
  addEventListener("hashchange", () => location.reload()); // Another link, pasted over this one.
  if (claims) render(<Door first={{ token, claims, carry: null, said: "" }} />, app);
  else
    render(
      <Frame title={c.noToken}>
        <p>{c.noTokenMore}</p>
      </Frame>,
      app,
    );
}
