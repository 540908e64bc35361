/** The microphone: which there are, the chosen one, and how loud it is. */

export interface Microphone {
  track: MediaStreamTrack;
  /** RMS in dBFS of the last moment. */
  level(): number;
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
  return {
    track,
    level() {
      void context.resume();
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const s of samples) sum += s * s;
      return 10 * Math.log10(sum / samples.length + 1e-12);
    },
    close() {
      track.stop();
      void context.close();
    },
  };
}

export async function microphones(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices?.enumerateDevices())?.filter((d) => d.kind === "audioinput" && d.deviceId) ?? [];
}
