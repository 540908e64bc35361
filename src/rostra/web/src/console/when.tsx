/** A date and a time in a time zone: the fields, and what they come to. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { Field } from "./parts.tsx";
import { local, moments, myZone, offsetName, zones } from "./zones.ts";

export interface When {
  local: string;
  zone: string;
  /** Of an hour that comes twice, the later one. */
  second: boolean;
}

export const whenOf = (at: string, zone: string): When => ({ local: at ? local(Date.parse(at), zone) : "", zone, second: false });
export const noWhen = (): When => ({ local: "", zone: myZone(), second: false });

/** The moment as ISO 8601, or why it is none. Empty: nothing was chosen. */
export function momentOf(when: When, nowMs: number): { at: string; error: string } {
  if (!when.local) return { at: "", error: "" };
  const found = moments(when.local, when.zone);
  if (!found.length) return { at: "", error: c.noSuchHour(when.zone) };
  const at = found[when.second ? found.length - 1 : 0]!;
  return at < nowMs - 60_000 ? { at: "", error: c.past } : { at: new Date(at).toISOString(), error: "" };
}

export function WhenFields({ label, hint, when, error, onChange }: {
  label: string;
  hint?: string;
  when: When;
  error: string;
  onChange(when: When): void;
}): JSX.Element {
  const twice = when.local ? moments(when.local, when.zone) : [];
  const all = useMemo(() => zones(when.zone).map((zone) => <option key={zone}>{zone}</option>), [when.zone]);
  return (
    <>
      <div class="fields">
        <Field label={label} hint={hint} error={error}>
          {(ties) => (
            <input {...ties} type="datetime-local" value={when.local} onInput={(e) => onChange({ ...when, local: e.currentTarget.value.slice(0, 16) })} />
          )}
        </Field>
        <Field label={c.zone}>
          {(ties) => (
            <select {...ties} value={when.zone} onChange={(e) => onChange({ ...when, zone: e.currentTarget.value })}>
              {all}
            </select>
          )}
        </Field>
      </div>
      {twice.length > 1 ? (
        <Field label={c.twice}>
          {(ties) => (
            <select {...ties} value={when.second ? "1" : "0"} onChange={(e) => onChange({ ...when, second: e.currentTarget.value === "1" })}>
              {twice.map((at, i) => (
                <option key={at} value={String(i)}>
                  {i ? c.secondTime(offsetName(at, when.zone)) : c.firstTime(offsetName(at, when.zone))}
                </option>
              ))}
            </select>
          )}
        </Field>
      ) : null}
    </>
  );
}
