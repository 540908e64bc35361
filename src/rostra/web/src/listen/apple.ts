/** Whether the browser plays HLS by itself, and well. */
const HLS = "application/vnd.apple.mpegurl";

export const nativeHls = (): boolean => document.createElement("audio").canPlayType(HLS) !== "";

/**
 * Only Apple's player is a low-latency one: Chromium's begins 10 s behind and shows no metadata, so that hls.js is better
 * wherever it works.
 */
export const appleHls = (): boolean => nativeHls() && navigator.vendor.startsWith("Apple");

/** iPadOS calls itself a Mac; Macs have no touch points. */
export const onApplePhone = (): boolean =>
  /iP(hone|ad|od)/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
