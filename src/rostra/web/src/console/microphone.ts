/** The microphone: which there are, the chosen one, how loud it is, and whether something else takes it. */

/** What it gave in the last moment. */
export interface Moment {
  /** RMS in dBFS. */
  db: number;
  /** The largest sample, 0 to 1. */
  peak: number;
}

export interface Microphone {
  track: MediaStreamTrack;
  stream: MediaStream;
  moment(): Moment;
  /** Called when a call, another program or the system takes it, or when it is unplugged. */
  onTaken: () => void;
  /** It gives nothing any more until it is opened anew. */
  readonly gone: boolean;
  close(): void;
}

export type Refusal = "refused" | "none" | "insecure";

/** Throws a `Refusal`. */
export async function openMicrophone(deviceId: string): Promise<Microphone> {
  if (!navigator.mediaDevices) throw "insecure" satisfies Refusal;
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
      },
    });
  } catch (e) {
    throw (e instanceof DOMException && e.name === "NotAllowedError" ? "refused" : "none") satisfies Refusal;
  }
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024; // 21 ms at 48 kHz
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const track = stream.getAudioTracks()[0]!;
  let closed = false;
  const taken = () => !closed && microphone.onTaken();
  // A call on a phone mutes the track or ends it; on iPhones the context is interrupted, too.
  track.addEventListener("mute", taken);
  track.addEventListener("ended", taken);
  context.addEventListener("statechange", () => (context.state as string) === "interrupted" && taken());
  const back = () => {
    // What happened while the page was out of sight: not every browser told us.
    if (!document.hidden && (track.readyState === "ended" || track.muted)) taken();
  };
  document.addEventListener("visibilitychange", back);
  const microphone: Microphone = {
    track,
    stream,
    onTaken: () => {},
    get gone() {
      return track.readyState === "ended";
    },
    moment() {
      if (context.state === "suspended") void context.resume();
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      let peak = 0;
      for (const s of samples) {
        sum += s * s;
        peak = Math.max(peak, Math.abs(s));
      }
      return { db: 10 * Math.log10(sum / samples.length + 1e-12), peak };
    },
    close() {
      closed = true;
      document.removeEventListener("visibilitychange", back);
      track.stop();
      void context.close();
    },
  };
  return microphone;
}

export async function microphones(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices?.enumerateDevices())?.filter((d) => d.kind === "audioinput" && d.deviceId) ?? [];
}

export const HEAR_S = 3;

export const canRecord = (): boolean => "MediaRecorder" in window;

/** Three seconds of the microphone, as something to play. It stays in this page. The caller revokes the address. */
export function record(stream: MediaStream): Promise<string> {
  return new Promise((done, fail) => {
    const recorder = new MediaRecorder(stream);
    const chunks: Blob[] = [];
    recorder.ondataavailable = (e) => chunks.push(e.data);
    recorder.onerror = () => fail(new Error("the browser does not record"));
    recorder.onstop = () => done(URL.createObjectURL(new Blob(chunks, { type: recorder.mimeType })));
    recorder.start();
    window.setTimeout(() => recorder.state !== "inactive" && recorder.stop(), HEAR_S * 1000);
  });
}
