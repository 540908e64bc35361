/** German, once sound plays, and on the front page; see `en.ts`. */
import type { HomeWords, LaterWords } from "./en.ts";

export const deLater: LaterWords = {
  behind: "Hinter dem Server",
  buffer: "Im Vorrat",
  rendition: "Ton",
  underruns: "Vorrat leer",
  times: (n) => (n === 1 ? "einmal" : `${n}-mal`),
  never: "nie",
  via: { push: "zugeschickt", native: "HLS des Browsers", hls: "HLS" },
  seconds: (s) => `${s.replace(".", ",")} s`,
  elsewhere: "In einem anderen Programm",
  keys: "Tasten: Leertaste hört zu und hält an, M schaltet stumm, Pfeile auf und ab ändern die Lautstärke.",
};

export const deHome: HomeWords = {
  title: "Live und demnächst",
  onAir: "Live",
  toCome: "Demnächst",
  state: { open: "Türen offen", live: "Live", interrupted: "Kurz unterbrochen", scheduled: "", ended: "", cancelled: "" },
  none: "Zurzeit gibt es keine Räume.",
  lost: "Die Liste ist gerade nicht zu haben. Sie wird von selbst noch einmal geholt.",
};
