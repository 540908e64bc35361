/** The splitter, fed whole and byte by byte. That it reads what the packager writes is seen in the pages' tests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Piece, readId3, Splitter } from "../../src/rostra/web/src/listen/boxes.ts";

const bytes = (...parts: (number[] | string | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((p) => (typeof p === "string" ? [...new TextEncoder().encode(p)] : [...p])));
const u32 = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const u64 = (n: number): number[] => [...u32(Math.floor(n / 2 ** 32)), ...u32(n % 2 ** 32)];
const box = (type: string, ...content: (number[] | string | Uint8Array)[]): Uint8Array => {
  const body = bytes(...content);
  return bytes(u32(body.length + 8), type, body);
};

const init = bytes(
  box("ftyp", "cmf2"),
  box("moov",
    box("trak", box("mdia", box("mdhd", u32(0), u32(0), u32(0), u32(48000), u32(0), u32(0)))),
    box("mvex", box("trex", u32(0), u32(1), u32(1), u32(960), u32(0), u32(0)))));
const moof = (time: number, frames: number): Uint8Array =>
  box("moof",
    box("mfhd", u32(0), u32(1)),
    box("traf",
      box("tfhd", u32(0x020000), u32(1)),
      box("tfdt", u32(0x01000000), u64(time)),
      box("trun", u32(0x201), u32(frames), u32(100), ...Array.from({ length: frames }, () => u32(3)))));
const safe = (n: number): number[] => [(n >> 21) & 127, (n >> 14) & 127, (n >> 7) & 127, n & 127];
const id3 = (text: string): Uint8Array => {
  const frame = bytes([3], "rostra\0", text);
  const frames = bytes("TXXX", safe(frame.length), [0, 0], frame);
  return bytes("ID3", [4, 0, 0], safe(frames.length), frames);
};
const emsg = (scheme: string, data: Uint8Array): Uint8Array =>
  box("emsg", u32(0x01000000), u32(48000), u64(0), u32(0xffffffff), u32(1), scheme, [0], [0], data);

const snapshot = '{"v":1,"s":"live","n":3,"l":{"ä":-20}}';
const stream = bytes(
  init,
  emsg("https://aomedia.org/emsg/ID3", id3(snapshot)),
  moof(48000 * 7200 * 20, 25), box("mdat", "sound"),
  emsg("urn:rostra:edge:1", bytes('{"e":"interrupted"}')),
  emsg("urn:somebody:else", bytes("no")),
  moof(48000 * 7200 * 20 + 24000, 25), box("mdat", "more"));

function check(pieces: Piece[]): void {
  assert.deepEqual(pieces.map((p) => p.kind), ["init", "part", "notice", "part"]);
  const [first, part, notice, last] = pieces;
  assert.ok(first?.kind === "init" && part?.kind === "part" && notice?.kind === "notice" && last?.kind === "part");
  assert.deepEqual([...first.bytes], [...init]);
  assert.equal(part.time, 7200 * 20);
  assert.equal(part.duration, 0.5);
  assert.deepEqual(part.notes, [snapshot]);
  assert.equal(notice.text, '{"e":"interrupted"}');
  assert.equal(last.time, 7200 * 20 + 0.5);
  assert.deepEqual(last.notes, []);
  assert.equal(new TextDecoder().decode(last.bytes).endsWith("more"), true);
}

test("whole", () => check(new Splitter().feed(stream)));

test("byte by byte", () => {
  const splitter = new Splitter();
  check([...stream].flatMap((b) => splitter.feed(Uint8Array.of(b))));
});

test("what is no box is refused, at once", () => {
  assert.throws(() => new Splitter().feed(bytes("<!doctype html><html>")), /a box of/);
  assert.throws(() => new Splitter().feed(bytes([0, 0, 0, 1], "moof")), /a box of/);
});

test("random bytes never hang and never give a part", () => {
  let seed = 1;
  for (let round = 0; round < 300; round++) {
    const junk = Uint8Array.from({ length: 200 }, () => (seed = (seed * 48271) % 2147483647) & 255);
    if (round % 2) junk.set(bytes(u32(64), "moof"));
    try {
      assert.deepEqual(new Splitter().feed(junk).filter((p) => p.kind === "part"), []);
    } catch (e) {
      assert.ok(e instanceof Error && !(e instanceof RangeError));
    }
  }
});

test("an ID3 tag that lies about its sizes gives nothing", () => {
  assert.deepEqual(readId3(bytes("ID3", [4, 0, 0], safe(5000), "TXXX", safe(4000), [0, 0, 3], "x")), []);
  assert.deepEqual(readId3(bytes("nothing")), []);
  assert.deepEqual(readId3(new Uint8Array(0)), []);
});
