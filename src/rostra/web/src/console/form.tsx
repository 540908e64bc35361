/** What is announced of a room, as a form: for a new one and for one that is there. Errors stand beside their fields. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Announced, RoomView } from "./api.ts";
import { Problem, sentence } from "./door.ts";
import { Check, Field } from "./parts.tsx";
import { PictureField } from "./picture.tsx";
import { momentOf, noWhen, whenOf, WhenFields } from "./when.tsx";

const MAX_TITLE = 200;
const MAX_WORDS = 2000;
const MAX_SPEAKERS = 32;
const MAX_NAME = 60;

export interface AnnouncementFormProps {
  /** Null: a new room. */
  room: RoomView | null;
  now(): number;
  submit: string;
  /** Throws what went wrong. */
  onSubmit(announced: Announced, picture: File | null, onPart: (part: number) => void): Promise<void>;
}

const names = (text: string): string[] => text.split("\n").map((n) => n.trim()).filter(Boolean);

export function AnnouncementForm({ room, now, submit, onSubmit }: AnnouncementFormProps): JSX.Element {
  const [title, setTitle] = useState(room?.title ?? "");
  const [words, setWords] = useState(room?.words ?? "");
  const [when, setWhen] = useState(room ? whenOf(room.at, room.tz) : noWhen());
  const [speakers, setSpeakers] = useState(room?.speakers.join("\n") ?? "");
  const [invited, setInvited] = useState(room?.invited ?? false);
  const [listed, setListed] = useState(room?.listed ?? true);
  const [doors, setDoors] = useState(String(Math.round((room?.doors_s ?? 900) / 60)));
  const [delay, setDelay] = useState("0");
  const [file, setFile] = useState<File | null>(null);
  const [part, setPart] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const form = useRef<HTMLFormElement>(null);
  const wait = !room || room.state === "scheduled" || room.state === "open";

  const refuse = (found: Record<string, string>) => {
    setErrors(found);
    // The first field that is wrong, or the sentence above them all.
    window.requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid], .warning")?.focus());
  };
  const check = (at: { at: string; error: string }): Record<string, string> => {
    const found: Record<string, string> = {};
    if (!title.trim()) found["title"] = c.titleNeeded;
    if (at.error && (!room || when.local !== whenOf(room.at, room.tz).local)) found["at"] = at.error;
    const list = names(speakers);
    if (list.length > MAX_SPEAKERS) found["speakers"] = c.tooManySpeakers(MAX_SPEAKERS);
    else if (list.some((n) => n.length > MAX_NAME)) found["speakers"] = c.nameTooLong(MAX_NAME);
    return found;
  };
  const send = async (e: SubmitEvent) => {
    e.preventDefault();
    if (busy) return;
    const at = momentOf(when, now());
    const wrong = check(at);
    if (Object.keys(wrong).length) return refuse(wrong);
    const announced: Announced = { title: title.trim(), words: words.trim(), speakers: names(speakers), listed: listed && !invited, invited };
    const before = room ? whenOf(room.at, room.tz) : null;
    const moved = !before || before.local !== when.local || before.zone !== when.zone || when.second;
    if (at.at && wait && moved) Object.assign(announced, { at: at.at, tz: when.zone });
    if (!room && !at.at) announced.tz = when.zone;
    if (wait) announced.doors_s = Math.max(0, Math.round(Number(doors) * 60));
    if (!room) announced.delay_s = Number(delay);
    setBusy(true);
    setErrors({});
    try {
      await onSubmit(announced, file, setPart);
      setFile(null);
    } catch (problem) {
      const fields = problem instanceof Problem ? problem.fields : {};
      const known = ["title", "words", "at", "tz", "speakers", "doors_s", "delay_s", "picture"].some((name) => name in fields);
      refuse(known ? { ...fields, ...(fields["tz"] ? { at: fields["tz"] } : {}) } : { form: sentence(problem) });
    } finally {
      setBusy(false);
      setPart(null);
    }
  };
  return (
    <form onSubmit={(e) => void send(e)} ref={form} noValidate>
      <div role="alert">
        {errors["form"] ? (
          <p class="warning" tabIndex={-1}>
            {errors["form"]}
          </p>
        ) : null}
      </div>
      <Field label={c.announceTitle} error={errors["title"]}>
        {(ties) => <input {...ties} required maxLength={MAX_TITLE} autocomplete="off" value={title} onInput={(e) => {
              setTitle(e.currentTarget.value);
              setErrors({ ...errors, title: "" });
            }} />}
      </Field>
      <Field label={c.announceWords} hint={c.announceWordsMore} error={errors["words"]}>
        {(ties) => <textarea {...ties} rows={5} maxLength={MAX_WORDS} value={words} onInput={(e) => setWords(e.currentTarget.value)} />}
      </Field>
      {wait ? (
        <WhenFields
          label={c.begins}
          {...(room ? {} : { hint: c.beginsMore })}
          when={when}
          error={errors["at"] ?? ""}
          onChange={(next) => {
            setWhen(next);
            setErrors({ ...errors, at: momentOf(next, now()).error });
          }}
        />
      ) : null}
      <Field label={c.announceSpeakers} hint={c.announceSpeakersMore} error={errors["speakers"]}>
        {(ties) => <textarea {...ties} rows={3} value={speakers} onInput={(e) => setSpeakers(e.currentTarget.value)} />}
      </Field>
      <PictureField
        label={room?.picture ? c.otherPicture : c.picture}
        file={file}
        error={errors["picture"] ?? ""}
        part={part}
        onFile={(next, error) => {
          setFile(next);
          setErrors({ ...errors, picture: error });
        }}
      />
      <fieldset>
        <legend>{c.whoListens}</legend>
        <Check label={c.invitedOnly} hint={c.invitedMore} checked={invited} onChange={setInvited} />
        {invited ? null : <Check label={c.listed} hint={c.listedMore} checked={listed} onChange={setListed} />}
      </fieldset>
      {wait ? (
        <div class="fields">
          <Field label={c.doorsBefore} error={errors["doors_s"]}>
            {(ties) => <input {...ties} type="number" min={0} max={1440} value={doors} onInput={(e) => setDoors(e.currentTarget.value)} />}
          </Field>
          {room ? null : (
            <Field label={c.delayAtStart} error={errors["delay_s"]}>
              {(ties) => <input {...ties} type="number" min={0} max={30} value={delay} onInput={(e) => setDelay(e.currentTarget.value)} />}
            </Field>
          )}
        </div>
      ) : null}
      <button type="submit" class="main" aria-disabled={busy}>
        {busy ? c.working : submit}
      </button>
    </form>
  );
}
