// Calls of the server's JSON API.

import { t } from "./words.js";

const PATIENCE_MS = 20000;
const AWAY = new Set([502, 503, 504]);

/** What this browser calls itself, the same in all its tabs; another one each time where it keeps nothing. */
const device = (() => {
  const name = "fewframes:device";
  try {
    if (!localStorage.getItem(name)) localStorage.setItem(name, uuid());
    return localStorage.getItem(name);
  } catch {
    return uuid();
  }
})();

/** The server cannot be reached now; what was sent may or may not have arrived. */
export class Unreachable extends Error {}

/** The server said no: error is what is wrong, mend is what to do. */
export class Refused extends Error {
  constructor(status, { error = t("the server answered {status}", { status }), mend = "", owner = null, elsewhere = false } = {}) {
    super(error);
    Object.assign(this, { status, mend, owner, elsewhere });
  }

  get signedOut() {
    return this.status === 401;
  }

  get stale() {
    return !this.elsewhere && (this.status === 409 || this.status === 404);
  }
}

/** The answer's JSON; null where there is nothing. Paths are relative: a proxy may show the page below another one. */
export async function call(method, path, body = undefined) {
  const headers = method === "GET" ? {} : { "X-Fewframes": "1", "X-Fewframes-Device": device, "Content-Type": "application/json" };
  let reply;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    reply = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" });
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (AWAY.has(reply.status)) throw new Unreachable(`status ${reply.status}`);
  if (reply.status === 204) return null;
  const content = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(reply.status, content);
  return content;
}

/** The lines of JSON that the server answers with, each as soon as it comes; none any more once signal aborts. */
export async function* lines(path, body, signal) {
  const headers = { "X-Fewframes": "1", "Content-Type": "application/json" };
  try {
    const reply = await fetch(path, { method: "POST", headers, signal, body: JSON.stringify(body), cache: "no-store" });
    if (AWAY.has(reply.status)) throw new Unreachable(`status ${reply.status}`);
    if (!reply.ok) throw new Refused(reply.status, await reply.json().catch(() => ({})));
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", read = await reader.read(); !read.done; read = await reader.read()) {
      const whole = (rest + read.value).split("\n");
      rest = whole.pop();
      for (const line of whole) {
        if (signal.aborted) return;
        yield JSON.parse(line);
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof Refused ? error : new Unreachable(String(error));
  }
}

/** A random identifier (UUID, version 4); crypto.randomUUID is missing where the page does not come over TLS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const text = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
