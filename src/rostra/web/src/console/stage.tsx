/** The speaker's page, which is also the left half of the host's. */
import { render, type JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { Api, claimsOf, Problem, tokenOf, type Claims, type Person, type RoomView } from "./api.ts";
import { HostTools } from "./hosttools.tsx";
import { Frame, People, useEvery } from "./parts.tsx";
import { Seat } from "./seat.tsx";
import type { Session, SessionState } from "./session.ts";

const PEOPLE_EVERY_S = 1;
const ROOM_EVERY_S = 2;

function Stage({ token, claims, hosting }: { token: string; claims: Claims; hosting: boolean }): JSX.Element {
  const api = useMemo(() => new Api(token), [token]);
  const [room, setRoom] = useState<RoomView | null>(null);
  const [people, setPeople] = useState<Person[]>([]);
  const [trouble, setTrouble] = useState("");
  const [away, setAway] = useState(false);
  const session = useRef<Session | null>(null);

  useEvery(async () => {
    try {
      const next = await api.room(claims.room);
      setRoom(next);
      setTrouble("");
      document.title = c.title(next.title);
    } catch (e) {
      if (e instanceof Problem && e.status < 500) setTrouble(e.message);
    }
  }, ROOM_EVERY_S, api);

  const onAir = room !== null && ["open", "live", "interrupted"].includes(room.state);
  useEvery(async () => {
    if (!onAir) return setPeople([]);
    try {
      setPeople(await api.people(claims.room));
      setAway(false);
    } catch {
      setAway(true);
    }
  }, PEOPLE_EVERY_S, api, onAir);

  const mine = (p: Person) => p.session !== "" && !!session.current?.location.endsWith(`/${p.session}`);
  const told = async (work: Promise<unknown>, change: (p: Person) => Person | null, seat: string) => {
    try {
      await work;
      setPeople((all) => all.flatMap((p) => (p.seat === seat ? (change(p) ?? []) : p)));
    } catch (e) {
      if (e instanceof Problem) setTrouble(e.message);
    }
  };
  const mute = (p: Person) => void told(api.mute(claims.room, p.seat, !p.muted), (q) => ({ ...q, muted: !p.muted }), p.seat);
  const remove = (p: Person) => void told(api.remove(claims.room, p.seat), () => null, p.seat);
  return (
    <Frame eyebrow={c.heading[hosting ? "host" : "speak"]} title={room?.title ?? claims.room}>
      {trouble ? (
        <p class="warning" role="alert">
          {trouble}
        </p>
      ) : null}
      <Seat
        api={api}
        claims={claims}
        roomState={room?.state ?? ""}
        people={people}
        onState={(_state: SessionState, s: Session) => (session.current = s)}
      />
      <div class="side">
        {onAir ? <People people={people} mine={mine} figures={hosting} {...(hosting ? { onMute: mute } : {})} {...(claims.role === "host" ? { onRemove: remove } : {})} /> : null}
        {away ? <p class="quiet">{c.unreachable}</p> : null}
        {hosting && room ? <HostTools api={api} room={room} claims={claims} onRoom={setRoom} onTrouble={setTrouble} /> : null}
      </div>
    </Frame>
  );
}

export function start(hosting: boolean): void {
  const token = tokenOf(location.hash);
  const claims = claimsOf(token);
  const app = document.getElementById("app")!;
  document.title = c.app;
  if (claims) render(<Stage token={token} claims={claims} hosting={hosting} />, app);
  else
    render(
      <Frame title={c.noToken}>
        <p>{c.noTokenMore}</p>
      </Frame>,
      app,
    );
}
