/**
 * Builds the pages into dist/.
 *
 * dist/manifest.json tells the servers what there is: pages by name, assets by address with type and size, and a
 * Content-Security-Policy for each page. Assets carry a hash of their content in their name, so they may be cached
 * for ever; each lies there in gzip and brotli too ("encodings"), at levels for which an edge has no time at its start. The listener's page holds its style and its player itself: all that is needed until sound plays comes in
 * one answer, and the build fails when that answer no longer fits into the first flight of a TCP connection.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { minify } from "terser";
import { build } from "vite";

const ROOT = import.meta.dirname;
const DIST = join(ROOT, "dist");

/** Ten segments of 1460 bytes: the initial congestion window (RFC 6928), 14 KiB in round figures. */
const FIRST_FLIGHT_BYTES = 14 * 1024;
/** What the head of the answer may take of that; the policy below is the most of it. */
const HEAD_ALLOWANCE_BYTES = 700;
/** What the state of the room and the tags, put into the page by the edge, may take of it, compressed: a title, 300 letters of
 * words, three names, a picture. */
const STATE_ALLOWANCE_BYTES = 900;

type Page = { html: string; inline: boolean; script: string; style: string; framed: boolean };

/** home and room stand at the front door, the others at the stage door. */
const PAGES: Record<string, Page> = {
  room: { html: "room.html", inline: true, script: "src/listen/main.ts", style: "room", framed: true },
  home: { html: "home.html", inline: true, script: "src/listen/home.ts", style: "home", framed: true },
  speak: { html: "speak.html", inline: false, script: "src/console/speak.tsx", style: "console", framed: false },
  host: { html: "host.html", inline: false, script: "src/console/host.tsx", style: "console", framed: false },
  desk: { html: "desk.html", inline: false, script: "src/console/desk.tsx", style: "console", framed: false },
};

/** What inlined pages load later. Bundles of their own: a file cannot import from a script that stands in a page. */
const LATER = ["src/listen/later.ts", "src/listen/native.ts", "src/listen/hls.ts", "src/words/de.ts"];

const TYPES: Record<string, string> = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

type File = { name: string; code: string; entry: boolean };

/** Bundles `inputs` (paths from here) as if nothing else existed. `later`: addresses of modules that are there already. */
async function bundle(inputs: string[], later: Map<string, string> = new Map()): Promise<File[]> {
  const result = await build({
    root: ROOT,
    configFile: false,
    logLevel: "warn",
    base: "/",
    plugins: [
      {
        name: "later",
        enforce: "pre",
        resolveId(source, importer) {
          const path = importer ? relative(ROOT, join(dirname(importer), source)) : source;
          const address = later.get(path);
          return address ? { id: address, external: true } : null;
        },
      },
    ],
    build: {
      write: false,
      target: ["es2022", "safari16.4"],
      cssTarget: ["safari16.4"],
      modulePreload: false,
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 700, // hls.js, which almost nobody loads
      rolldownOptions: {
        input: inputs.map((path) => join(ROOT, path)),
        preserveEntrySignatures: "allow-extension",
        output: {
          entryFileNames: "assets/[name]-[hash].js",
          chunkFileNames: "assets/[name]-[hash].js",
          assetFileNames: "[name][extname]",
        },
      },
    },
  });
  if (!("output" in result)) throw new Error("one build was asked for");
  return result.output.map((file) =>
    file.type === "asset"
      ? { name: file.fileName, code: String(file.source).trim(), entry: file.fileName.endsWith(".css") }
      : { name: file.fileName, code: file.code.trim(), entry: file.isEntry },
  );
}

/** Once more, for what stands in a page: 270 bytes fewer in the listener's page, once compressed. */
async function smaller(code: string): Promise<string> {
  const done = await minify(code, { module: true, compress: { passes: 3, unsafe_arrows: true, ecma: 2020 } });
  return done.code ?? fail("nothing is left of a script");
}

async function one(input: string, later?: Map<string, string>): Promise<string> {
  const files = (await bundle([input], later)).filter((f) => f.code);
  if (files.length !== 1) fail(`${input}: ${files.map((f) => f.name).join(", ")} where one file was due`);
  return files[0]!.code;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

function hashed(name: string, extension: string, text: string): string {
  return `/assets/${name}-${createHash("sha256").update(text).digest("hex").slice(0, 10)}.${extension}`;
}

function squeeze(html: string): string {
  return html.replaceAll(/\n\s*/g, "\n").replaceAll(/<!-- [^]*? -->\n?/g, "").trim() + "\n";
}

function policy(page: Page, script: string, style: string): string {
  const self = (source: string) => (page.inline ? `'self' 'sha256-${sha256(source)}'` : "'self'");
  return [
    "default-src 'none'",
    `script-src ${self(script)}`,
    `style-src ${self(style)}`,
    "img-src 'self' data:", // The stage door adds the front door's address (studio/pages.py).
    "media-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'self'",
    page.framed ? "frame-ancestors *" : "frame-ancestors 'none'",
  ].join("; ");
}

/** At the levels that an edge has time for: it makes a room's page again each second, with the state in it. */
function sent(html: string): { gzip: number; br: number } {
  const br = brotliCompressSync(html, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  return { gzip: gzipSync(html, { level: 6 }).length, br: br.length };
}

async function main(): Promise<void> {
  const files = new Map<string, string | Buffer>();
  const manifest = {
    pages: {} as Record<string, string>,
    assets: {} as Record<string, { type: string; size: number; encodings: Record<"gzip" | "br", string> }>,
    csp: {} as Record<string, string>,
    first_flight: {} as Record<string, { gzip: number; br: number }>,
  };
  const asset = (address: string, text: string) => {
    files.set(address.slice(1), text);
    const type = TYPES[address.slice(address.lastIndexOf(".") + 1)];
    if (!type) throw new Error(`${address}: no type is known`);
    const encodings = { gzip: `${address}.gz`, br: `${address}.br` };
    files.set(encodings.gzip.slice(1), gzipSync(text, { level: 9 }));
    files.set(encodings.br.slice(1), brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
    manifest.assets[address] = { type, size: Buffer.byteLength(text), encodings };
  };
  const later = new Map<string, string>();
  for (const file of await bundle(LATER)) {
    asset(`/${file.name}`, file.code);
    if (file.entry) later.set(LATER.find((path) => basename(path, ".ts") === basename(file.name).split("-")[0])!, `/${file.name}`);
  }
  const outside = Object.entries(PAGES).filter(([, page]) => !page.inline);
  const scripts = new Map<string, string>();
  for (const file of await bundle(outside.map(([, page]) => page.script))) {
    asset(`/${file.name}`, file.code);
    if (file.entry) scripts.set(basename(file.name).split("-")[0]!, `/${file.name}`);
  }
  for (const [name, page] of Object.entries(PAGES)) {
    const script = page.inline ? await smaller(await one(page.script, later)) : "";
    const style = await one(`src/styles/${page.style}.css`);
    if (script.includes("</script")) fail(`${name}: a script may not hold </script when inlined`);
    let html = squeeze(readFileSync(join(ROOT, "pages", page.html), "utf8"));
    if (page.inline) {
      html = html
        .replace("<!--style-->", () => `<style>${style}</style>`)
        .replace("<!--script-->", () => `<script type="module">${script}</script>`);
    } else {
      const js = scripts.get(name) ?? fail(`${name}: no script was built`);
      const css = hashed(page.style, "css", style);
      asset(css, style);
      html = html
        .replace("<!--style-->", `<link rel="stylesheet" href="${css}">`)
        .replace("<!--script-->", `<script type="module" src="${js}"></script>`);
    }
    files.set(page.html, html);
    manifest.pages[name] = page.html;
    manifest.csp[name] = policy(page, script, style);
    if (page.inline) manifest.first_flight[name] = sent(html);
  }
  const room = manifest.first_flight["room"] ?? fail("no page for rooms");
  const limit = FIRST_FLIGHT_BYTES - HEAD_ALLOWANCE_BYTES - STATE_ALLOWANCE_BYTES;
  if (Math.max(room.gzip, room.br) > limit)
    fail(`room.html is ${room.gzip} bytes by gzip, ${room.br} by brotli; ${limit} is what fits into the first flight`);

  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(join(DIST, "assets"), { recursive: true });
  for (const [file, text] of files) writeFileSync(join(DIST, file), text);
  writeFileSync(join(DIST, "manifest.json"), JSON.stringify(manifest, null, 1) + "\n");
  console.log(`pages: room.html ${room.gzip} bytes by gzip, ${room.br} by brotli, of ${limit}; ${files.size} files`);
}

function fail(message: string): never {
  throw new Error(message);
}

await main();
