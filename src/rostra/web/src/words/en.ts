/**
 * Every word that the public pages say, in English. Another language is another file of the same shape.
 *
 * `en` goes with the listener's page, which has to fit into 14 KiB; what is said only later comes later.
 */
export const en = {
  title: (t: string) => `${t} · Rostra`,
  // What the button does.
  play: "Listen",
  stop: "Stop listening",
  await: "Wait here",
  // The state of things, one sentence and what follows from it.
  ready: ["Ready when you are", ""],
  soon: ["Not yet begun", "Tap once, and the sound begins by itself."],
  armed: ["You are in", "The sound begins here by itself."],
  idleOpen: ["The doors are open", "It begins in a moment. Come in."],
  idleLive: ["On air now", "Tap to listen."],
  idleInterrupted: ["Interrupted", "It goes on in a moment. Your place is kept."],
  connecting: ["Connecting", ""],
  open: ["The doors are open", "It begins in a moment. You need do nothing."],
  live: ["Live", ""],
  dry: ["Waiting for sound", "Your connection is slow at the moment."],
  interrupted: ["Interrupted: your place is kept", "The stage is silent. The sound comes back here by itself."],
  reconnecting: ["Connecting again", "The connection was lost. You need do nothing."],
  offline: ["You are offline", "We connect again as soon as the network is back."],
  full: ["Every place is taken at the moment", "You come in by yourself as soon as there is one."],
  paused: ["Stopped", "Tap to join again, live."],
  tap: ["Ready", "Your browser asks for one more tap."],
  ended: ["It has ended", "Thank you for listening."],
  cancelled: ["Cancelled", "This event does not take place."],
  absent: ["There is no such room", "Look at the address again: a letter may be missing."],
  unsupported: ["This browser cannot play it", "Open the address below in any player instead."],
  // Times.
  beginsIn: (t: string) => `Begins in ${t}`,
  begins: (t: string) => `Begins ${t}`,
  beginsNow: "Begins any moment",
  began: (t: string) => `Began ${t}`,
  endedAt: (t: string) => `Ended ${t}`,
  backIn: (s: number) => `Next try in ${s} s`,
  days: (n: number) => (n === 1 ? "1 day" : `${n} days`),
  // The tally.
  listening: (n: number, shown: string) => (n === 1 ? "1 listening" : `${shown} listening`),
  // The stage.
  stage: "On stage",
  nobody: "Nobody is on stage yet.",
  speaking: "speaking",
  muted: "muted",
  roles: { host: "Host", cohost: "Co-host", speaker: "Speaker" } as Record<string, string>,
  // Volume.
  volume: "Volume",
  mute: "Mute",
  unmute: "Unmute",
  // Details.
  details: "Sound and connection",
};

/** Said when sound plays already. */
export const enLater = {
  behind: "Behind the edge",
  buffer: "In hand",
  rendition: "Sound",
  underruns: "Ran dry",
  times: (n: number) => (n === 1 ? "once" : `${n} times`),
  never: "never",
  via: { push: "pushed", native: "HLS by the browser", hls: "HLS" },
  seconds: (s: string) => `${s} s`,
  elsewhere: "In another player",
  keys: "Keys: space listens and stops, M mutes, up and down change the volume.",
};

/** Said on the front page. */
export const enHome = {
  title: "On air and to come",
  onAir: "On air",
  toCome: "To come",
  state: { open: "Doors open", live: "On air", interrupted: "Interrupted for a moment", scheduled: "", ended: "", cancelled: "" },
  none: "No rooms at the moment.",
  lost: "The list cannot be had at the moment. It is asked for again by itself.",
};

export type Words = typeof en;
export type LaterWords = typeof enLater;
export type HomeWords = typeof enHome;
export type Sentence =
  | "ready" | "soon" | "armed" | "idleOpen" | "idleLive" | "idleInterrupted" | "connecting" | "open" | "live" | "dry"
  | "interrupted" | "reconnecting" | "offline" | "full" | "paused" | "tap" | "ended" | "cancelled" | "absent" | "unsupported";
