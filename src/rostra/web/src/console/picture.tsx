/** Choosing a picture: looked at before it goes, and what cannot work is said at once. The server looks for itself. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import { Field } from "./parts.tsx";

const MAX_BYTES = 8 * 1024 * 1024;
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

export function PictureField({ label, hint, file, error, part, onFile }: {
  label: string;
  hint?: string;
  file: File | null;
  error: string;
  /** How much of it has been sent, 0 to 1; null: it is not on its way. */
  part: number | null;
  onFile(file: File | null, error: string): void;
}): JSX.Element {
  const [preview, setPreview] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setPreview("");
    if (!file && input.current) input.current.value = ""; // Posted, or thought better of.
    if (!file) return undefined;
    const reader = new FileReader(); // A data address: the page's policy allows no others for pictures of its own.
    reader.onload = () => setPreview(String(reader.result));
    reader.readAsDataURL(file);
    return () => reader.abort();
  }, [file]);
  const choose = (element: HTMLInputElement) => {
    const chosen = element.files?.[0] ?? null;
    const wrong = !chosen ? "" : !TYPES.includes(chosen.type) ? c.notAPicture : chosen.size > MAX_BYTES ? c.pictureTooLarge : "";
    if (wrong) element.value = "";
    onFile(wrong ? null : chosen, wrong);
  };
  return (
    <div class="picture">
      <Field label={label} hint={hint ?? c.pictureMore} error={error}>
        {(ties) => <input {...ties} ref={input} type="file" accept={TYPES.join(",")} onChange={(e) => choose(e.currentTarget)} />}
      </Field>
      {file ? (
        <div class="chosen">
          {preview ? <img src={preview} alt={c.preview(file.name)} onError={() => onFile(null, c.notAPicture)} /> : null}
          <button type="button" class="small" onClick={() => onFile(null, "")}>
            {c.noPicture}
          </button>
        </div>
      ) : null}
      {part === null ? null : <progress aria-label={c.sending} max={1} value={part} />}
    </div>
  );
}
