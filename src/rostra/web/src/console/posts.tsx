/** What is posted beside the sound: a few words, a link, a picture; pinned or not. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, Post } from "./api.ts";
import { Problem } from "./door.ts";
import { since } from "./figures.ts";
import { random } from "./link.ts";
import { Check, Field, Sure, Told, useEvery, useTrying } from "./parts.tsx";
import { PictureField } from "./picture.tsx";

const EVERY_S = 5;
const MAX_TEXT = 500;
const MAX_LINK = 500;

export function Posts({ api, front, nowMs }: { api: Api; front: string; nowMs: number }): JSX.Element {
  const [posts, setPosts] = useState<Post[] | null>(null);
  const trying = useTrying();
  const heading = useRef<HTMLHeadingElement>(null);
  const load = async () => setPosts((await api.posts()).items);
  useEvery(() => load().catch(() => {}), EVERY_S, api);
  const change = (work: () => Promise<unknown>, said: string) =>
    trying.attempt(async () => {
      await work();
      await load();
    }, said);
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {c.posts}
      </h2>
      <Write api={api} onPosted={load} />
      <Told done={trying.done} trouble={trying.trouble} />
      {posts?.length === 0 ? <p class="quiet">{c.noPosts}</p> : null}
      <ul class="posts">
        {posts?.map((post) => (
          <li key={post.id} class={post.pinned ? "pinned" : ""}>
            <span class="quiet">
              {[post.pinned ? c.pinned : "", post.by, since(Date.parse(post.at), nowMs)].filter(Boolean).join(" · ")}
            </span>
            {post.text ? <p class="text">{post.text}</p> : null}
            {/^https?:\/\//.test(post.link) ? (
              <a href={post.link} target="_blank" rel="noopener noreferrer nofollow">
                {post.link}
              </a>
            ) : null}
            {post.picture ? <Picture address={pictureAt(front, post.picture)} /> : null}
            <div class="row">
              <button
                type="button"
                class="small"
                aria-label={post.pinned ? c.unpinThis(short(post)) : c.pinThis(short(post))}
                onClick={() => void change(() => api.pin(post.id, !post.pinned), post.pinned ? c.unpinnedNow : c.pinnedNow)}
              >
                {post.pinned ? c.unpin : c.pin}
              </button>
              <Sure
                small
                label={c.deletePost}
                name={c.deleteThis(short(post))}
                question={c.deletePostSure}
                yes={c.yesDelete}
                onYes={() => void change(() => api.unpost(post.id), c.deleted).then(() => heading.current?.focus())}
              />
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

const short = (post: Post): string => (post.text || post.link || c.picture).slice(0, 40);

/** Pictures are at the front door. */
const pictureAt = (front: string, name: string): string => new URL(`/p/${name}`, front || window.location.href).href;

/** The page's policy lets pictures come from here or by https; elsewhere there is a link to it. */
function Picture({ address }: { address: string }): JSX.Element {
  const shows = address.startsWith("https:") || new URL(address).origin === window.location.origin;
  return shows ? (
    <img src={address} alt={c.postedPicture} loading="lazy" />
  ) : (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {c.postedPicture}
    </a>
  );
}

function Write({ api, onPosted }: { api: Api; onPosted(): Promise<void> }): JSX.Element {
  const [text, setText] = useState("");
  const [link, setLink] = useState("");
  const [pinned, setPinned] = useState(false);
  const [file, setFile] = useState<File | null>(null);
  const [part, setPart] = useState<number | null>(null);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const trying = useTrying();
  const once = useRef(random());
  const field = useRef<HTMLTextAreaElement>(null);
  const send = async (e: SubmitEvent) => {
    e.preventDefault();
    if (trying.busy) return;
    const address = link.trim();
    const wrong: Record<string, string> = {};
    if (!text.trim() && !address && !file) wrong["text"] = c.postEmpty;
    if (address && !/^https?:\/\/\S+$/.test(address)) wrong["link"] = c.linkWrong;
    setErrors(wrong);
    if (Object.keys(wrong).length) return;
    const done = await trying.attempt(async () => {
      try {
        const picture = file ? (await api.picture(file, setPart)).picture : "";
        await api.post({ text: text.trim(), link: address, picture, pinned }, once.current);
      } catch (problem) {
        if (problem instanceof Problem) setErrors(problem.fields);
        throw problem;
      } finally {
        setPart(null);
      }
    }, c.posted);
    if (!done) return;
    once.current = random();
    setText("");
    setLink("");
    setPinned(false);
    setFile(null);
    field.current?.focus();
    await onPosted().catch(() => {});
  };
  return (
    <form onSubmit={(e) => void send(e)} class="write" noValidate>
      <Field label={c.postText} error={errors["text"]}>
        {(ties) => <textarea {...ties} ref={field} rows={3} maxLength={MAX_TEXT} value={text} onInput={(e) => setText(e.currentTarget.value)} />}
      </Field>
      <Field label={c.postLink} error={errors["link"]}>
        {(ties) => (
          <input {...ties} type="url" inputMode="url" maxLength={MAX_LINK} placeholder="https://" value={link} onInput={(e) => setLink(e.currentTarget.value)} />
        )}
      </Field>
      <PictureField
        label={c.picture}
        file={file}
        error={errors["picture"] ?? ""}
        part={part}
        onFile={(next, error) => {
          setFile(next);
          setErrors({ ...errors, picture: error });
        }}
      />
      <Check label={c.pinIt} checked={pinned} onChange={setPinned} />
      <button type="submit" class="main" aria-disabled={trying.busy}>
        {trying.busy ? c.working : c.postIt}
      </button>
      <Told done={trying.done} trouble={trying.trouble} />
    </form>
  );
}
