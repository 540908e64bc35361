/**
 * An endless stream of ISO BMFF boxes, cut into what a player handles: inits, parts, and the edge's notices.
 *
 * Sources: ISO 14496-12 (boxes, moof, tfhd, tfdt, trun), ISO 23009-1 5.10.3.3 (emsg). Pure: bytes in, values out.
 */

export type Piece =
  | { kind: "init"; bytes: Uint8Array<ArrayBuffer> }
  /** `time` and `duration` in seconds of media time; `notes` are the JSON texts that ride in front of the part. */
  | { kind: "part"; bytes: Uint8Array<ArrayBuffer>; time: number; duration: number; notes: string[] }
  | { kind: "notice"; text: string };

/** A part is 2 to 5 KB; whatever claims to be this large is not ours, and we would wait for it for ever. */
const MAX_BOX_BYTES = 1 << 20;
const ID3_SCHEME = "https://aomedia.org/emsg/ID3";
const EDGE_SCHEME = "urn:rostra:edge:1";

const text = new TextDecoder();

const u32 = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
const u64 = (b: Uint8Array, at: number): number => u32(b, at) * 2 ** 32 + u32(b, at + 4);
const name = (b: Uint8Array, at: number): string => String.fromCharCode(...b.subarray(at, at + 4));

export class Splitter {
  #rest = new Uint8Array(0);
  #ftyp = new Uint8Array(0);
  #moof = new Uint8Array(0);
  #notes: string[] = [];
  #timescale = 48_000;
  #frame = 0;

  /** The pieces that `chunk` completes. Throws when the bytes are not boxes. */
  feed(chunk: Uint8Array): Piece[] {
    const bytes = join(this.#rest, chunk);
    const pieces: Piece[] = [];
    let at = 0;
    while (bytes.length - at >= 8) {
      const size = u32(bytes, at);
      if (size < 8 || size > MAX_BOX_BYTES) throw new Error(`a box of ${size} bytes`);
      if (bytes.length - at < size) break;
      this.#box(name(bytes, at + 4), bytes.slice(at, at + size), pieces);
      at += size;
    }
    this.#rest = bytes.slice(at);
    return pieces;
  }

  #box(type: string, box: Uint8Array<ArrayBuffer>, out: Piece[]): void {
    if (type === "ftyp") this.#ftyp = box;
    else if (type === "moov") {
      const mdhd = find(box, 8, ["trak", "mdia", "mdhd"]);
      // Version 1 has 64-bit times in front of the timescale (8.4.2.2).
      if (mdhd) this.#timescale = u32(mdhd, mdhd[8] ? 28 : 20) || this.#timescale;
      const trex = find(box, 8, ["mvex", "trex"]);
      if (trex) this.#frame = u32(trex, 20);
      out.push({ kind: "init", bytes: join(this.#ftyp, box) });
    } else if (type === "emsg") {
      const message = readEmsg(box);
      if (message?.scheme === EDGE_SCHEME) out.push({ kind: "notice", text: text.decode(message.data) });
      else if (message?.scheme === ID3_SCHEME) this.#notes.push(...readId3(message.data));
    } else if (type === "moof") this.#moof = box;
    else if (type === "mdat" && this.#moof.length) {
      const { time, duration } = readMoof(this.#moof, this.#frame);
      out.push({
        kind: "part",
        bytes: join(this.#moof, box),
        time: time / this.#timescale,
        duration: duration / this.#timescale,
        notes: this.#notes,
      });
      this.#moof = new Uint8Array(0);
      this.#notes = [];
    }
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

/** The first box down `path` inside `box`, whose children begin at `start`. */
function find(box: Uint8Array, start: number, path: string[]): Uint8Array | null {
  for (let at = start; at + 8 <= box.length; ) {
    const size = u32(box, at);
    if (size < 8) return null;
    if (name(box, at + 4) === path[0]) {
      const inner = box.subarray(at, at + size);
      return path.length > 1 ? find(inner, 8, path.slice(1)) : inner;
    }
    at += size;
  }
  return null;
}

/** Decode time and duration in the track's timescale. */
function readMoof(moof: Uint8Array, frame: number): { time: number; duration: number } {
  const tfdt = find(moof, 8, ["traf", "tfdt"]);
  const tfhd = find(moof, 8, ["traf", "tfhd"]);
  const trun = find(moof, 8, ["traf", "trun"]);
  if (!tfdt || !trun || !tfhd) throw new Error("a fragment without its time");
  const time = tfdt[8] ? u64(tfdt, 12) : u32(tfdt, 12);
  const flags = u32(tfhd, 8) & 0xffffff;
  // 8.8.7.2: base-data-offset and sample-description-index stand in front of default-sample-duration.
  if (flags & 8) frame = u32(tfhd, 16 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0));
  const has = u32(trun, 8) & 0xffffff;
  const count = u32(trun, 12);
  if (!(has & 0x100)) return { time, duration: count * frame };
  const stride = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => has & bit).length;
  let at = 16 + (has & 1 ? 4 : 0) + (has & 4 ? 4 : 0);
  let duration = 0;
  for (let i = 0; i < count && at + 4 <= trun.length; i++, at += stride) duration += u32(trun, at);
  return { time, duration };
}

function readEmsg(box: Uint8Array): { scheme: string; data: Uint8Array } | null {
  // Version 1 has its numbers in front of the strings, version 0 behind them.
  let at = box[8] === 1 ? 32 : 12;
  const string = (): string => {
    const end = box.indexOf(0, at);
    const s = text.decode(box.subarray(at, end < 0 ? box.length : end));
    at = end < 0 ? box.length : end + 1;
    return s;
  };
  const scheme = string();
  string();
  if (box[8] !== 1) at += 16;
  return at > box.length ? null : { scheme, data: box.subarray(at) };
}

/** The texts of the TXXX frames called "rostra" in an ID3v2.4 tag (UTF-8; sizes are syncsafe, 4 times 7 bits). */
export function readId3(tag: Uint8Array): string[] {
  const found: string[] = [];
  if (text.decode(tag.subarray(0, 3)) !== "ID3") return found;
  const safe = (at: number) => (tag[at]! << 21) | (tag[at + 1]! << 14) | (tag[at + 2]! << 7) | tag[at + 3]!;
  for (let at = 10; at + 11 <= tag.length && tag[at]; ) {
    const size = safe(at + 4);
    if (name(tag, at) === "TXXX") {
      const [description, value] = text.decode(tag.subarray(at + 11, at + 10 + size)).split("\0");
      if (description === "rostra" && value) found.push(value);
    }
    at += 10 + size;
  }
  return found;
}
