/** STUN and TURN servers from the `Link` fields of WHIP (RFC 9725, 4.6). Pure. */

/** `<turn:HOST:PORT>; rel="ice-server"; username="..."; credential="..."`, several with commas between them. */
export function readLinks(field: string): RTCIceServer[] {
  const found: RTCIceServer[] = [];
  for (const [, url, rest] of field.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,]+))*)/g)) {
    const parameter = (name: string): string | undefined => {
      const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,]+))`).exec(rest ?? "");
      return (match?.[1] ?? match?.[2])?.replaceAll(/\\(.)/g, "$1");
    };
    if (parameter("rel") !== "ice-server") continue;
    const [username, credential] = [parameter("username"), parameter("credential")];
    found.push({ urls: url!, ...(username ? { username } : {}), ...(credential ? { credential } : {}) });
  }
  return found;
}
