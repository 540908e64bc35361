/** hls.js without alternative audio, subtitles and DRM: the same interface, half the size. */
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
