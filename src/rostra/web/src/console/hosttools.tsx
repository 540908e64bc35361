/** What only hosts do: open the doors, end it, hand out links. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { Problem, type Api, type Claims, type Role, type RoomView } from "./api.ts";
import { Copyable } from "./parts.tsx";

/** Links made here stay on the page until it is closed; more than this and the oldest go. */
const MAX_MADE = 40;

export interface HostToolsProps {
  api: Api;
  room: RoomView;
  claims: Claims;
  onRoom(room: RoomView): void;
  onTrouble(sentence: string): void;
}

export function HostTools({ api, room, claims, onRoom, onTrouble }: HostToolsProps): JSX.Element {
  const [sure, setSure] = useState(false);
  const [made, setMade] = useState<{ label: string; link: string }[]>([]);
  const over = room.state === "ended" || room.state === "cancelled";
  const begun = room.state !== "scheduled";
  const host = claims.role === "host";
  const doing = async (work: Promise<RoomView>) => {
    try {
      onRoom(await work);
      onTrouble("");
    } catch (e) {
      onTrouble(e instanceof Problem ? e.message : c.failed);
    }
    setSure(false);
  };
  const invite = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const [name, role] = [String(data.get("name")).trim(), String(data.get("role")) as Role];
    try {
      const { link } = await api.invite(room.id, role, name);
      setMade([{ label: `${name || c.roles[role]}`, link }, ...made].slice(0, MAX_MADE));
      form.reset();
    } catch (problem) {
      onTrouble(problem instanceof Problem ? problem.message : c.failed);
    }
  };
  return (
    <>
      <section>
        <h2>{c.room}</h2>
        <p class={`says state ${room.state}`}>{c.state[room.state] ?? room.state}</p>
        {room.state === "scheduled" && host ? (
          <>
            <button type="button" class="main" onClick={() => void doing(api.open(room.id))}>
              {c.openDoors}
            </button>
            <p class="quiet">{c.openMore}</p>
          </>
        ) : null}
        {over || !host ? null : sure ? (
          <div role="alertdialog" aria-label={begun ? c.endSure : c.cancelSure} class="sure">
            <p>{begun ? c.endSure : c.cancelSure}</p>
            <div class="row">
              <button type="button" class="danger" onClick={() => void doing(api.end(room.id))}>
                {begun ? c.yesEnd : c.yesCancel}
              </button>
              <button type="button" class="second" onClick={() => setSure(false)}>
                {c.no}
              </button>
            </div>
          </div>
        ) : (
          <button type="button" class="second" onClick={() => setSure(true)}>
            {begun ? c.end : c.cancel}
          </button>
        )}
      </section>
      <section>
        <h2>{c.links}</h2>
        <Copyable label={c.listeners} link={room.public} />
        {host && !over ? (
          <form onSubmit={(e) => void invite(e)}>
            <h3>{c.invite}</h3>
            <div class="fields">
              <p class="field">
                <label for="invite-name">{c.inviteName}</label>
                <input id="invite-name" name="name" maxLength={60} autocomplete="off" />
              </p>
              <p class="field">
                <label for="invite-role">{c.inviteRole}</label>
                <select id="invite-role" name="role">
                  <option value="speaker">{c.roles["speaker"]}</option>
                  <option value="cohost">{c.roles["cohost"]}</option>
                </select>
              </p>
              <button type="submit" class="second">
                {c.inviteMake}
              </button>
            </div>
            <p class="quiet">{c.inviteMore}</p>
          </form>
        ) : null}
        {made.map(({ label, link }) => (
          <Copyable key={link} label={label} link={link} />
        ))}
      </section>
    </>
  );
}
