/** The operator's desk: all rooms, their states and their links. */
import { render, type JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { moment } from "../listen/view.ts";
import { Api, Problem, tokenOf, type RoomView } from "./api.ts";
import { Copyable, Frame, useEvery } from "./parts.tsx";

const EVERY_S = 3;
const KEY = "rostra-operator";

function Rooms({ token, onRefused }: { token: string; onRefused(why: string): void }): JSX.Element {
  const api = useMemo(() => new Api(token), [token]);
  const [rooms, setRooms] = useState<RoomView[] | null>(null);
  const [links, setLinks] = useState<Record<string, Record<string, string>>>({});
  useEvery(async () => {
    try {
      setRooms(await api.rooms());
    } catch (e) {
      if (e instanceof Problem && e.status < 500) onRefused(e.message);
    }
  }, EVERY_S, api);
  const show = async (id: string) => {
    if (links[id]) return;
    const room = await api.room(id);
    setLinks((old) => ({ ...old, [id]: room.links ?? {} }));
  };
  const labels: Record<string, string> = { public: c.publicLink, host: c.hostLink, cohost: c.cohostLink, speaker: c.speakerLink };
  return (
    <section>
      {rooms?.length === 0 ? <p class="quiet">{c.noRooms}</p> : null}
      <ul class="rooms">
        {rooms?.map((room) => (
          <li key={room.id}>
            <b>{room.title}</b>
            <span class={`quiet state ${room.state}`}>
              {room.state === "scheduled" ? c.at(moment(Date.parse(room.at) / 1000, Date.now() / 1000)) : c.state[room.state]}
            </span>
            <details onToggle={(e) => e.currentTarget.open && void show(room.id)}>
              <summary aria-label={`${c.links}: ${room.title}`}>{c.links}</summary>
              {Object.entries(labels).map(([role, label]) =>
                links[room.id]?.[role] ? <Copyable key={role} label={`${label} · ${room.id}`} link={links[room.id]![role]!} /> : null,
              )}
            </details>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Desk(): JSX.Element {
  const [token, setToken] = useState(tokenOf(location.hash) || sessionStorage.getItem(KEY) || "");
  const [refused, setRefused] = useState("");
  const leave = (why: string) => {
    sessionStorage.removeItem(KEY);
    setRefused(why);
    setToken("");
  };
  const enter = (e: SubmitEvent) => {
    e.preventDefault();
    const given = String(new FormData(e.currentTarget as HTMLFormElement).get("token")).trim();
    sessionStorage.setItem(KEY, given);
    setRefused("");
    setToken(given);
  };
  return (
    <Frame title={c.desk}>
      {token ? (
        <Rooms token={token} onRefused={leave} />
      ) : (
        <form onSubmit={enter} class="enter">
          {refused ? (
            <p class="warning" role="alert">
              {refused}
            </p>
          ) : null}
          <p class="field">
            <label for="token">{c.operator}</label>
            <input id="token" name="token" type="password" required autocomplete="current-password" />
          </p>
          <p class="quiet">{c.operatorMore}</p>
          <button type="submit" class="main">
            {c.enter}
          </button>
        </form>
      )}
    </Frame>
  );
}

document.title = `${c.desk} · ${c.app}`;
render(<Desk />, document.getElementById("app")!);
