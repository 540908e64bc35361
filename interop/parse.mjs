// Playlists as two parsers from npm understand them: a JSON list of texts on standard input, on standard output for each
// text what m3u8-parser and hls-parser found, in one form. What a parser does not know is null.
import {readFileSync} from "node:fs";
import HLS from "hls-parser";
import {Parser} from "m3u8-parser";

HLS.setOptions({strictMode: true}); // what it thinks invalid is an error, not a line on the console

const milliseconds = (date) => (date ? new Date(date).getTime() : null);
const flag = (value) => Boolean(value);

function m3u8Parser(text) {
  const parser = new Parser();
  const complaints = [];
  for (const kind of ["warn", "error"]) parser.on(kind, (e) => complaints.push(e.message));
  parser.push(text);
  parser.end();
  const m = parser.manifest;
  if (m.playlists) return {complaints, variants: m.playlists.map((p) => [p.uri, p.attributes.BANDWIDTH, p.attributes.CODECS])};
  const parts = (s) => (s?.parts ?? []).map((p) => [p.uri, p.duration, flag(p.independent), flag(p.gap)]);
  let before = m.discontinuitySequence ?? 0;
  return {
    complaints,
    version: m.version,
    target: m.targetDuration,
    sequence: m.mediaSequence,
    discontinuities: m.discontinuitySequence,
    ended: flag(m.endList),
    partTarget: m.partTargetDuration,
    skipUntil: m.serverControl.canSkipUntil,
    holdBack: m.serverControl.holdBack,
    partHoldBack: m.serverControl.partHoldBack,
    blocks: flag(m.serverControl.canBlockReload),
    skipped: m.skip?.skippedSegments ?? 0,
    segments: m.segments.map((s) => {
      const jumped = s.timeline !== before;
      before = s.timeline;
      // It starts a segment's timeline at the discontinuity sequence; it does not know EXT-X-GAP.
      return {uri: s.uri, duration: s.duration, map: s.map?.uri ?? null, gap: null, jumped, number: s.timeline,
        date: milliseconds(s.dateTimeString), parts: parts(s)};
    }),
    open: parts(m.preloadSegment),
    hint: m.preloadSegment?.preloadHints?.[0]?.uri ?? null,
    reports: (m.renditionReports ?? []).map((r) => [r.uri, r.lastMsn, r.lastPart]),
  };
}

function hlsParser(text) {
  const m = HLS.parse(text);
  if (m.isMasterPlaylist) return {complaints: [], variants: m.variants.map((v) => [v.uri, v.bandwidth, v.codecs])};
  const parts = (s) => (s?.parts ?? []).filter((p) => !p.hint).map((p) => [p.uri, p.duration, flag(p.independent), flag(p.gap)]);
  const whole = m.segments.filter((s) => s.uri);
  const open = m.segments.find((s) => !s.uri);
  let map = null;
  return {
    complaints: [],
    version: m.version,
    target: m.targetDuration,
    sequence: m.mediaSequenceBase,
    discontinuities: m.discontinuitySequenceBase,
    ended: flag(m.endlist),
    partTarget: m.partTargetDuration,
    skipUntil: m.lowLatencyCompatibility.canSkipUntil,
    holdBack: m.lowLatencyCompatibility.holdBack,
    partHoldBack: m.lowLatencyCompatibility.partHoldBack,
    blocks: flag(m.lowLatencyCompatibility.canBlockReload),
    skipped: m.skip,
    segments: whole.map((s) => {
      map = s.map?.uri ?? map;
      // It counts two EXT-X-DISCONTINUITY in a row as one.
      return {uri: s.uri, duration: s.duration, map, gap: flag(s.gap), jumped: flag(s.discontinuity), number: null,
        date: milliseconds(s.programDateTime), parts: parts(s)};
    }),
    open: parts(open),
    hint: m.segments.flatMap((s) => s.parts).find((p) => p.hint)?.uri ?? null,
    reports: m.renditionReports.map((r) => [r.uri, r.lastMSN, r.lastPart]),
  };
}

function attempt(parse, text) {
  try {
    return parse(text);
  } catch (e) {
    return {complaints: [String(e.message)]};
  }
}

const texts = JSON.parse(readFileSync(0, "utf8"));
const found = texts.map((t) => ({"m3u8-parser": attempt(m3u8Parser, t), "hls-parser": attempt(hlsParser, t)}));
process.stdout.write(JSON.stringify(found));
