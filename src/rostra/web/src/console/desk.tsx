/** The operator's desk: make rooms, hand out their links, call them off; and what is reported in any of them. */
import { render, type JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { Cancel } from "./announcement.tsx";
import { Rooms, type Announced, type Paged, type RoomView } from "./api.ts";
import { Problem, sentence } from "./door.ts";
import { moment } from "./figures.ts";
import { AnnouncementForm } from "./form.tsx";
import { isOver } from "./life.tsx";
import { addressOf, random, tokenOf } from "./link.ts";
import { Copyable, Frame, Pager, Sure, Told, useCursors, useEvery, useNow, useTrying } from "./parts.tsx";
import { Reports } from "./reports.tsx";
import { Tabs } from "./tabs.tsx";

const PAGE = 20;
const EVERY_S = 4;
const KEY = "rostra-operator";

const LINKS = ["public", "listener", "speaker", "cohost", "host"];

/** The links of a room, and the way into its console. */
function RoomLinks({ links }: { links: Record<string, string> }): JSX.Element {
  return (
    <div class="links">
      {links["host"] ? (
        <a class="button" href={addressOf(links["host"]).address} target="_blank" rel="noopener">
          {c.openConsole}
        </a>
      ) : null}
      {LINKS.filter((role) => links[role]).map((role) => (
        <Copyable key={role} label={c.roleLinks[role]!} link={links[role]!} />
      ))}
    </div>
  );
}

function RoomList({ rooms, nowMs, onRefused }: { rooms: Rooms; nowMs: number; onRefused(why: string): void }): JSX.Element {
  const [page, setPage] = useState<Paged<RoomView> | null>(null);
  const [links, setLinks] = useState<Record<string, Record<string, string>>>({});
  const [unheard, setUnheard] = useState("");
  const trying = useTrying();
  const pages = useCursors();
  const heading = useRef<HTMLHeadingElement>(null);
  const load = async () => {
    try {
      setPage(await rooms.list(PAGE, pages.cursor));
      setUnheard("");
    } catch (e) {
      if (e instanceof Problem && (e.status === 401 || e.status === 403)) onRefused(e.message);
      else setUnheard(sentence(e));
    }
  };
  useEvery(load, EVERY_S, rooms, pages.cursor);
  const show = async (id: string) => {
    if (!links[id])
      await trying.attempt(async () => {
        const { links: found } = await rooms.of(id).room();
        setLinks((old) => ({ ...old, [id]: found }));
      });
  };
  const change = (work: () => Promise<unknown>, said: string) =>
    void trying
      .attempt(async () => {
        await work();
        await load();
      }, said)
      .then(() => heading.current?.focus());
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {c.rooms}
      </h2>
      <Told done={trying.done} trouble={trying.trouble || unheard} />
      {page?.items.length === 0 ? <p class="quiet">{c.noRooms}</p> : null}
      <ul class="rooms" aria-busy={page === null}>
        {page?.items.map((room) => (
          <li key={room.id}>
            <b>{room.title}</b>
            <span class={`quiet state ${room.state}`}>
              {room.state === "scheduled" ? c.at(moment(Date.parse(room.at), nowMs)) : (c.state[room.state] ?? room.state)}
              {` · ${room.id}`}
            </span>
            <details onToggle={(e) => e.currentTarget.open && void show(room.id)}>
              <summary aria-label={c.linksOf(room.title)}>{c.linksAndConsole}</summary>
              {links[room.id] ? <RoomLinks links={links[room.id]!} /> : null}
            </details>
            <div class="row">
              {room.state === "scheduled" || room.state === "open" ? (
                <Cancel small name={c.cancelThis(room.title)} onCancel={(note) => change(() => rooms.of(room.id).cancel(note), c.cancelled)} />
              ) : null}
              {isOver(room.state) || room.state === "scheduled" ? (
                <Sure
                  small
                  label={c.deleteRoom}
                  name={c.deleteThis(room.title)}
                  question={c.deleteRoomSure(room.title)}
                  yes={c.yesDelete}
                  onYes={() => change(rooms.of(room.id).remove, c.deleted)}
                />
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      <Pager page={pages.page} next={!!page?.next} onPage={(step) => pages.go(step, page?.next ?? "")} />
    </>
  );
}

function NewRoom({ rooms, now }: { rooms: Rooms; now(): number }): JSX.Element {
  const [made, setMade] = useState<RoomView | null>(null);
  const [trouble, setTrouble] = useState("");
  const once = useRef(random());
  const sent = useRef("");
  const heading = useRef<HTMLHeadingElement>(null);
  const was = useRef(made);
  useEffect(() => {
    if (was.current !== made) heading.current?.focus();
    was.current = made;
  }, [made]);
  const create = async (announced: Announced, picture: File | null, onPart: (part: number) => void) => {
    // One wish, one key: what is changed after a refusal is another wish.
    const wish = JSON.stringify(announced);
    if (sent.current !== wish) once.current = random();
    sent.current = wish;
    const room = await rooms.create(announced, once.current);
    sent.current = "";
    setTrouble("");
    if (picture)
      await rooms
        .of(room.id)
        .cover(picture, onPart)
        .catch((e) => setTrouble(c.madeWithoutPicture(sentence(e))));
    setMade(room);
  };
  if (made)
    return (
      <>
        <h2 ref={heading} tabIndex={-1}>
          {c.made(made.title)}
        </h2>
        <Told trouble={trouble} />
        <p>{c.madeMore}</p>
        <RoomLinks links={made.links} />
        <button type="button" class="second" onClick={() => setMade(null)}>
          {c.another}
        </button>
      </>
    );
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {c.newRoom}
      </h2>
      <AnnouncementForm room={null} now={now} submit={c.create} onSubmit={create} />
    </>
  );
}

function Inside({ token, onLeave }: { token: string; onLeave(why: string): void }): JSX.Element {
  const rooms = useMemo(() => new Rooms(token), [token]);
  const now = () => rooms.door.clock.now();
  const nowMs = useNow(now);
  return (
    <div class="desk">
      <Tabs
        label={c.desk}
        tabs={[
          { id: "rooms", label: c.rooms, render: () => <RoomList rooms={rooms} nowMs={nowMs} onRefused={onLeave} /> },
          { id: "new", label: c.newRoom, render: () => <NewRoom rooms={rooms} now={now} /> },
          { id: "reports", label: c.reports, render: () => <Reports load={rooms.reports} nowMs={nowMs} named={(r) => [r.room, r.about].filter(Boolean).join(" · ")} /> },
        ]}
      />
      <button type="button" class="second" onClick={() => onLeave("")}>
        {c.signOut}
      </button>
    </div>
  );
}

function SignIn({ refused, onEnter }: { refused: string; onEnter(token: string): void }): JSX.Element {
  const enter = (e: SubmitEvent) => {
    e.preventDefault();
    onEnter(String(new FormData(e.currentTarget as HTMLFormElement).get("token")).trim());
  };
  return (
    <form onSubmit={enter} class="enter">
      <div role="alert">{refused ? <p class="warning">{refused}</p> : null}</div>
      <div class="field">
        <label for="token">{c.operator}</label>
        <input id="token" name="token" type="password" required autocomplete="current-password" aria-describedby="token-hint" />
        <p class="quiet hint" id="token-hint">
          {c.operatorMore}
        </p>
      </div>
      <button type="submit" class="main">
        {c.enter}
      </button>
    </form>
  );
}

function Desk({ given }: { given: string }): JSX.Element {
  const [token, setToken] = useState(given);
  const [refused, setRefused] = useState("");
  const enter = (next: string) => {
    sessionStorage.setItem(KEY, next);
    setRefused("");
    setToken(next);
  };
  const leave = (why: string) => {
    sessionStorage.removeItem(KEY);
    setRefused(why);
    setToken("");
  };
  return <Frame title={c.desk}>{token ? <Inside token={token} onLeave={leave} /> : <SignIn refused={refused} onEnter={enter} />}</Frame>;
}

/** A token from the command line comes in the fragment; it does not stay in the address bar and the history. */
function takeToken(): string {
  const given = tokenOf(location.hash);
  if (!given) return sessionStorage.getItem(KEY) ?? "";
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
  return given;
}

document.title = `${c.desk} · ${c.app}`;
render(<Desk given={takeToken()} />, document.getElementById("app")!);
