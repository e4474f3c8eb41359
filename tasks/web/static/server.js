// Calls of the server's JSON API.

const PATIENCE_MS = 20000;
const AWAY = new Set([502, 503, 504]);

/** The server cannot be reached now; what was sent may or may not have arrived. */
export class Unreachable extends Error {}

/** The server said no: error is what is wrong, mend is what to do. */
export class Refused extends Error {
  constructor(status, { error = `the server answered ${status}`, mend = "", owner = null } = {}) {
    super(error);
    Object.assign(this, { status, mend, owner });
  }

  get signedOut() {
    return this.status === 401;
  }

  get stale() {
    return this.status === 409 || this.status === 404;
  }
}

/** The answer's JSON; null where there is nothing. Paths are relative: a proxy may show the page below another one. */
export async function call(method, path, body = undefined) {
  const headers = method === "GET" ? {} : { "X-Fewframes": "1", "Content-Type": "application/json" };
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

/** A random identifier (UUID, version 4); crypto.randomUUID is missing where the page does not come over TLS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const text = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
