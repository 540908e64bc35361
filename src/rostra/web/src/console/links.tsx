/** The links: whom to give which, new ones by name, and taking them back. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { c } from "../words/console.en.ts";
import type { Api, Links, RoomView } from "./api.ts";
import { isShared, random, type Claims, type Role } from "./link.ts";
import { isOver } from "./life.tsx";
import { Copyable, Field, Pager, Sure, Told, useCursors, useTrying } from "./parts.tsx";
import { may } from "./rights.ts";

/** Links made here stay on the page until it is closed; more than this and the oldest go. */
const MAX_MADE = 40;
const MAX_NAME = 60;
const SHARED: Role[] = ["host", "cohost", "speaker"];
/** Links for one person on a page. */
const PAGE = 20;

/** Whose link is whose to take back. */
const mayReissue = (role: Role, of: Role): boolean =>
  may(role, of === "host" || of === "cohost" ? "REISSUE_ALL_LINKS" : "REISSUE_LINKS");

export function LinkList({ api, claims, room, onOwn }: {
  api: Api;
  claims: Claims;
  room: RoomView;
  /** The link that this page stands on is issued anew. */
  onOwn(link: string): void;
}): JSX.Element {
  const [links, setLinks] = useState<Links | null>(null);
  const [made, setMade] = useState<{ label: string; link: string }[]>([]);
  const trying = useTrying();
  const once = useRef(random());
  const heading = useRef<HTMLHeadingElement>(null);
  const { role } = claims;
  const pages = useCursors(api);
  const load = async (cursor = pages.cursor) => setLinks(await api.links(PAGE, cursor));
  useEffect(() => void trying.attempt(() => load()), [api, pages.cursor]);

  const invite = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const [name, as] = [String(data.get("name")).trim(), String(data.get("role")) as Role];
    const done = await trying.attempt(async () => {
      const { link } = await api.invite(as, name, once.current);
      setMade((old) => [{ label: c.linkFor(name || c.roles[as]!), link }, ...old].slice(0, MAX_MADE));
      await load();
    }, c.linkMade);
    if (!done) return;
    once.current = random();
    form.reset();
  };
  const reissue = (which: Role) =>
    void trying.attempt(async () => {
      const answer = await api.reissue(which);
      if (which === role && isShared(claims)) {
        const own = answer.link ?? new Map(Object.entries((await api.links(PAGE, "")).shared)).get(which);
        if (own) return onOwn(own);
      }
      await load();
    }, c.reissued);
  const revoke = (identity: string) =>
    void trying.attempt(async () => {
      await api.revoke(identity);
      await load();
      heading.current?.focus();
    }, c.takenBack);
  // A room by invitation has a link for listeners, too.
  const forListeners = links?.shared["listener"];
  const shared = SHARED.filter((r) => links?.shared[r]);
  const personal = links?.personal.filter((p) => !p.revoked) ?? [];
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {c.links}
      </h2>
      <Copyable label={c.listeners} link={forListeners ?? links?.shared["public"] ?? room.public} />
      {isOver(room.state) ? null : (
        <form onSubmit={(e) => void invite(e)}>
          <h3>{c.invite}</h3>
          <div class="fields">
            <Field label={c.inviteName}>{(ties) => <input {...ties} name="name" maxLength={MAX_NAME} autocomplete="off" />}</Field>
            <Field label={c.inviteRole}>
              {(ties) => (
                <select {...ties} name="role">
                  <option value="speaker">{c.roles["speaker"]}</option>
                  {may(role, "APPOINT") ? <option value="cohost">{c.roles["cohost"]}</option> : null}
                  {room.invited ? <option value="listener">{c.roles["listener"]}</option> : null}
                </select>
              )}
            </Field>
            <button type="submit" class="second">
              {c.inviteMake}
            </button>
          </div>
          <p class="quiet">{c.inviteMore}</p>
        </form>
      )}
      <Told done={trying.done} trouble={trying.trouble} />
      {made.map(({ label, link }) => (
        <Copyable key={link} label={label} link={link} />
      ))}
      {shared.length ? (
        <>
          <h3>{c.sharedLinks}</h3>
          <p class="quiet">{c.sharedMore}</p>
          {shared.map((which) => (
            <div class="shared" key={which}>
              <Copyable label={c.roleLinks[which]!} link={links!.shared[which]!} />
              {mayReissue(role, which) && !isOver(room.state) ? (
                <Sure
                  small
                  label={c.reissue}
                  name={c.reissueThis(c.roleLinks[which]!)}
                  question={which === role && isShared(claims) ? c.reissueOwnSure : c.reissueSure}
                  yes={c.yesReissue}
                  onYes={() => reissue(which)}
                />
              ) : null}
            </div>
          ))}
        </>
      ) : null}
      {personal.length || pages.page > 1 ? (
        <>
          <h3>{c.personalLinks}</h3>
          <ul class="personal">
            {personal.map((p) => (
              <li key={p.identity}>
                <span>
                  <b>{p.name || c.unnamed}</b> <span class="quiet">{c.roles[p.role]}</span>
                </span>
                {mayReissue(role, p.role) && p.identity !== claims.jti ? (
                  <Sure small label={c.takeBackLink} name={c.takeBackFrom(p.name)} question={c.takeBackSure(p.name)} yes={c.yesTakeBack} onYes={() => revoke(p.identity)} />
                ) : null}
              </li>
            ))}
          </ul>
          <Pager page={pages.page} next={!!links?.next} onPage={(step) => pages.go(step, links?.next ?? "")} />
        </>
      ) : null}
    </>
  );
}
