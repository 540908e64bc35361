/** Keeps an audio element playing nothing, so that a tab which waits for the doors is not put to sleep, and may play later. */
let url = "";

/** Two seconds of 8 kHz, 8 bit silence (0x80), as RIFF/WAVE. */
function wave(): Blob {
  const samples = 16_000;
  const head = new DataView(new ArrayBuffer(44));
  const put = (at: number, s: string) => [...s].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  put(0, "RIFF");
  head.setUint32(4, 36 + samples, true);
  put(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint32(20, 0x10001, true); // PCM, one channel
  head.setUint32(24, 8000, true);
  head.setUint32(28, 8000, true);
  head.setUint32(32, 0x80001, true); // one byte a frame, 8 bits
  put(36, "data");
  head.setUint32(40, samples, true);
  return new Blob([head, new Uint8Array(samples).fill(0x80)], { type: "audio/wav" });
}

/** Until the element is given another source; `hush` of the page ends it. */
export function playSilence(audio: HTMLAudioElement): void {
  url ||= URL.createObjectURL(wave());
  audio.loop = true;
  audio.src = url;
  void audio.play().catch(() => {});
}
