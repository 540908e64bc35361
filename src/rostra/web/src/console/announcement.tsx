/** What is announced: change it, move it to another time, cancel it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, RoomView } from "./api.ts";
import { moment } from "./figures.ts";
import { AnnouncementForm } from "./form.tsx";
import type { Role } from "./link.ts";
import { isOver } from "./life.tsx";
import { Field, Sure, Told, useTrying } from "./parts.tsx";
import { may } from "./rights.ts";
import { momentOf, whenOf, WhenFields } from "./when.tsx";

const MAX_NOTE = 2000;

export function Announcement({ api, role, room, now, onRoom }: {
  api: Api;
  role: Role;
  room: RoomView;
  now(): number;
  onRoom(room: RoomView): void;
}): JSX.Element {
  const trying = useTrying();
  const waits = room.state === "scheduled" || room.state === "open";
  if (isOver(room.state)) return <p class="quiet">{c.overNoChange}</p>;
  return (
    <>
      <h2>{c.announcement}</h2>
      <AnnouncementForm
        key={room.id}
        room={room}
        now={now}
        submit={c.save}
        onSubmit={async (announced, picture, onPart) => {
          if (picture) await api.cover(picture, onPart);
          onRoom(await api.change(announced));
          trying.say(c.saved);
        }}
      />
      <Told done={trying.done} trouble={trying.trouble} />
      {waits && may(role, "POSTPONE") ? <Postpone api={api} room={room} now={now} onRoom={onRoom} /> : null}
      {waits && may(role, "CANCEL") ? <Cancel onCancel={(note) => void trying.attempt(async () => onRoom(await api.cancel(note)))} /> : null}
    </>
  );
}

function Postpone({ api, room, now, onRoom }: { api: Api; room: RoomView; now(): number; onRoom(room: RoomView): void }): JSX.Element {
  const [when, setWhen] = useState(whenOf(room.at, room.tz));
  const [note, setNote] = useState("");
  const [error, setError] = useState("");
  const trying = useTrying();
  const move = async (e: SubmitEvent) => {
    e.preventDefault();
    const { at, error: wrong } = momentOf(when, now());
    setError(wrong || (at ? "" : c.timeNeeded));
    if (!at) return;
    await trying.attempt(async () => onRoom(await api.postpone(at, note.trim())), c.moved(moment(Date.parse(at), now())));
  };
  return (
    <form onSubmit={(e) => void move(e)} noValidate>
      <h3>{c.postpone}</h3>
      <WhenFields label={c.newTime} when={when} error={error} onChange={setWhen} />
      <Note value={note} onNote={setNote} />
      <button type="submit" class="second" aria-disabled={trying.busy}>
        {c.move}
      </button>
      <Told done={trying.done} trouble={trying.trouble} />
    </form>
  );
}

export function Cancel({ onCancel, small, name }: { onCancel(note: string): void; small?: boolean; name?: string }): JSX.Element {
  const [note, setNote] = useState("");
  return (
    <Sure
      label={c.cancel}
      {...(name ? { name } : {})}
      {...(small ? { small } : {})}
      question={c.cancelSure}
      yes={c.yesCancel}
      onYes={() => onCancel(note.trim())}
    >
      <Note value={note} onNote={setNote} />
    </Sure>
  );
}

function Note({ value, onNote }: { value: string; onNote(note: string): void }): JSX.Element {
  return (
    <Field label={c.note} hint={c.noteMore}>
      {(ties) => <textarea {...ties} rows={2} maxLength={MAX_NOTE} value={value} onInput={(e) => onNote(e.currentTarget.value)} />}
    </Field>
  );
}
