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
  late: ["The host is late", "It begins as soon as the host is here."],
  moved: ["Moved to another time", "Tap once, and the sound begins by itself."],
  movedIn: ["Moved to another time", "You are in. The sound begins here by itself."],
  invitation: ["By invitation", "Open the whole link that you were given, or ask the host for a new one."],
  absent: ["There is no such room", "Look at the address again: a letter may be missing."],
  unsupported: ["This browser cannot play it", "Open the address below in any player instead."],
  // Times.
  beginsIn: (t: string) => `Begins in ${t}`,
  begins: (t: string) => `Begins ${t}`,
  beginsNow: "Begins any moment",
  due: (t: string) => `Announced for ${t}`,
  began: (t: string) => `Began ${t}`,
  endedAt: (t: string) => `Ended ${t}`,
  backIn: (s: number) => `Next try in ${s} s`,
  days: (n: number) => (n === 1 ? "1 day" : `${n} days`),
  // Who is announced.
  with: (names: string) => `With ${names}`,
  // Details.
  details: "Sound and connection",
};

/** Said when sound plays already. */
export const enLater = {
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
  // The announcement.
  inZone: (t: string, place: string) => `${t} in ${place}`,
  calendar: "Add to calendar",
  come: "I will come",
  comes: "You will come",
  cameAcross: "The host knows that one more will come.",
  share: "Share",
  copied: "The address is copied.",
  // Reactions.
  react: "React",
  reactions: {
    "❤": "Love", "👏": "Applause", "😂": "Laughter", "🔥": "Fire", "🎉": "Celebration", "👍": "Agreement", "😮": "Wonder", "😢": "Sorrow",
  } as Record<string, string>,
  lastMinute: (list: string) => `In the last minute: ${list}`,
  // Asking to speak.
  hand: "Ask to speak",
  raise: "Raise your hand",
  raiseAgain: "Ask again",
  yourName: "Your name",
  yourWhy: "A word on why (may stay empty)",
  sendHand: "Ask the host",
  cancel: "Cancel",
  withdraw: "Take your hand down",
  toStage: "Come to the stage",
  hands: {
    down: ["", "The host sees your name and a word on why."],
    asking: ["", ""],
    waiting: ["Your hand is up", "The host sees it. The answer comes here."],
    accepted: ["You are invited to speak", "Your browser will ask for the microphone."],
    declined: ["Not this time", "The host thanks you for asking."],
    lowered: ["All hands were taken down", "You may raise yours again."],
    withdrawn: ["Your hand is down", "You may raise it again."],
    over: ["Your invitation is over", "Would you like to speak again? Ask the host."],
  } as Record<string, readonly [string, string]>,
  handForgotten: "Your hand was up too long ago. Raise it again.",
  // Posts.
  posts: "From the hosts",
  pinned: "Pinned",
  pictureOf: (by: string) => `Picture, posted by ${by}`,
  // Reporting.
  report: "Report abuse",
  reportSays: "The host and the operator of this server read it. They do not learn your name.",
  reportAbout: "What is it about?",
  reportRoom: "The whole room",
  reportWhat: "What is wrong?",
  sendReport: "Send the report",
  reported: "Thank you. The host and the operator have it.",
  close: "Close",
  // What was not taken, by status.
  notTaken: {
    403: "Your link is no longer good. Ask the host for a new one.",
    404: "It is not known here any more.",
    409: "The doors are not open yet. Try again a little before it begins.",
    410: "This event has ended.",
    429: "That came too often from your network. Try again in a moment.",
  } as Record<number, string>,
  notTakenSo: "That could not be taken as it is. Look at it again.",
  notTakenNow: "That could not be stored just now. Try again in a moment.",
  // At the door, when the house is full.
  proving: ["A moment, please", "Very many come at once, so your browser does a little work to show that it is one. You need do nothing."] as readonly [string, string],
  percent: (n: number) => `${n}%`,
  inLine: "You are in the line",
  next: "You are next.",
  before: (n: number) => (n === 1 ? "1 person is before you." : `${n} are before you.`),
  aboutBefore: (n: string) => `About ${n} are before you.`,
  crowded: "Very many come from your network, so others are called first.",
  placeKept: "Your place is kept, even if you close this page, and the sound begins by itself.",
  placeTap: "Your place is kept. Tap, and the sound begins by itself.",
  called: ["It is your turn", "You come in as soon as a place is free."] as readonly [string, string],
  noTime: "How long it takes cannot be said yet.",
  withinMinute: "It takes less than a minute.",
  atMost: (n: number) => `It takes ${n} minutes at most.`,
  about: (n: number) => (n === 1 ? "It takes about a minute." : `It takes about ${n} minutes.`),
  between: (least: number, most: number) => `It takes ${least} to ${most} minutes.`,
  longer: "It takes some hours.",
  // The figures.
  behind: "Behind live",
  buffer: "In reserve",
  rendition: "Sound",
  underruns: "Gaps",
  house: "The house",
  // By step of the door (admission/steps.py).
  steps: {
    "longer-flush": "filling: the sound comes less often, and more of it at a time",
    "small-sound": "nearly full: who comes now gets a smaller sound",
    thinned: "nearly full: levels and reactions come less often, and who comes now gets a smaller sound",
    challenge: "as good as full: the browser of whoever comes now does a little work first",
    waiting: "full: who comes now waits in line",
    refusing: "full, and so is the line: who comes now is told when to come back",
  } as Record<string, string>,
  times: (n: number) => (n === 1 ? "once" : `${n} times`),
  never: "never",
  via: { push: "pushed", native: "HLS by the browser", hls: "HLS" },
  seconds: (s: string) => `${s} s`,
  elsewhere: "In another player",
  keys: "Keys: M mutes; up and down, on the player, change the volume. Space listens and stops.",
};

/** Said on the front page. */
export const enHome = {
  title: "On air and to come",
  onAir: "On air",
  toCome: "To come",
  state: { open: "Doors open", live: "On air", interrupted: "Interrupted for a moment", scheduled: "", ended: "", cancelled: "" },
  late: "The host is late",
  invited: "By invitation",
  with: (names: string) => `With ${names}`,
  none: "Nothing is announced at the moment",
  noneHow: "Who runs this server makes a room at the desk of the stage door, or so:",
  noneThen: "It stands here a second later.",
  lost: "The list cannot be had at the moment. It is asked for again by itself.",
};

export type Words = typeof en;
export type LaterWords = typeof enLater;
export type HomeWords = typeof enHome;
export type Sentence =
  | "ready" | "soon" | "armed" | "idleOpen" | "idleLive" | "idleInterrupted" | "connecting" | "open" | "live" | "dry"
  | "interrupted" | "reconnecting" | "offline" | "full" | "paused" | "tap" | "ended" | "cancelled" | "late" | "moved" | "movedIn" | "invitation" | "absent" | "unsupported";
