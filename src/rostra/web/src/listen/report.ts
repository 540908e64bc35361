/** Telling host and operator that something here is wrong. */
import { wLater as w } from "../words/later.ts";
import { make, say } from "./dom.ts";
import { send } from "./sending.ts";
import { el } from "./view.ts";

/** As the edge has it (wire/inbox.py). */
const MAX_SAID = 1000;

export function attachReport(address: (path: string) => string): HTMLElement {
  const open = make("button", { type: "button", className: "plain" }, w.report);
  const about = make("select", { id: "report-about" });
  const said = make("textarea", { id: "report-said", rows: 4, maxLength: MAX_SAID, required: true });
  const tells = make("p", { role: "status" });
  const submit = make("button", { type: "submit", className: "button strong" }, w.sendReport);
  const close = make("button", { type: "button", className: "button" }, w.close);
  const form = make(
    "form",
    {},
    make("p", { className: "quiet" }, w.reportSays),
    make("label", { htmlFor: "report-about" }, w.reportAbout),
    about,
    make("label", { htmlFor: "report-said" }, w.reportWhat),
    said,
  );
  const title = make("h2", { id: "report-title" }, w.report);
  const dialog = make("dialog", {}, title, form, tells, make("div", { className: "actions" }, submit, close));
  dialog.setAttribute("aria-labelledby", title.id);
  form.id = "report-form";
  submit.setAttribute("form", form.id);
  open.addEventListener("click", () => {
    const seats = Array.from(el("voices").querySelectorAll<HTMLElement>("li[data-seat]"));
    about.replaceChildren(
      new Option(w.reportRoom, ""),
      ...seats.map((li) => new Option(li.querySelector("b")!.textContent ?? "", li.dataset["seat"])),
    );
    form.hidden = submit.hidden = false;
    say(tells, "");
    dialog.showModal();
    said.focus();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => open.focus());
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const what = said.value.trim();
    if (!what) return said.focus();
    submit.disabled = true;
    send(address("report-abuse"), { said: what, about: about.value })
      .then(
        () => {
          said.value = "";
          form.hidden = submit.hidden = true;
          say(tells, w.reported);
          close.focus();
        },
        (why: Error) => say(tells, why.message),
      )
      .finally(() => (submit.disabled = false));
  });
  return make("div", { id: "report", hidden: true }, open, dialog);
}
