// What is kept on this device until the server has it: drafts, answers on their way, and drawings that came too late.
// Where the browser keeps nothing, or has no room, the page itself remembers as long as it is open.

const DRAFT_MS = 14 * 86400 * 1000;

export class Keeper {
  /** What projects below other paths of the same address keep is none of ours: their requests have the same names. */
  constructor(person, storage = localStorage, path = globalThis.location?.pathname ?? "/") {
    const place = path.slice(0, path.lastIndexOf("/") + 1);
    Object.assign(this, { storage, prefix: `fewframes:${place === "/" ? "" : place}${person}:`, memory: new Map() });
    if (place !== "/" && !/\/p\/[^/]+\/$/.test(place)) this.#adopt(`fewframes:${person}:`);
  }

  /** Take over what earlier versions kept behind a proxy, whatever the path. */
  #adopt(earlier) {
    try {
      for (const name of Object.keys(this.storage).filter((key) => key.startsWith(earlier))) {
        this.storage.setItem(this.prefix + name.slice(earlier.length), this.storage.getItem(name));
        this.storage.removeItem(name);
      }
    } catch {
      // A browser that keeps nothing has nothing of earlier versions.
    }
  }

  /** Drop drafts of frames that somebody else finished long ago. */
  tidy(now = Date.now()) {
    for (const name of [...this.#names("draft:"), ...this.#names("judged:")]) {
      if (!(now - this.#read(name)?.kept < DRAFT_MS)) this.#drop(name);
    }
  }

  draft(requestId) {
    return this.#read(`draft:${requestId}`);
  }

  putDraft(requestId, draft) {
    this.#write(`draft:${requestId}`, { ...draft, kept: Date.now() });
  }

  dropDraft(requestId) {
    this.#drop(`draft:${requestId}`);
  }

  /** What was said of the masks of a frame that are looked at with others, by track; null where nothing was. */
  judged(requestId) {
    return this.#read(`judged:${requestId}`)?.said ?? null;
  }

  putJudged(requestId, said) {
    this.#write(`judged:${requestId}`, { said, kept: Date.now() });
  }

  dropJudged(requestId) {
    this.#drop(`judged:${requestId}`);
  }

  /** How the person likes to work; null where nothing was kept. */
  preferences() {
    return this.#read("preferences");
  }

  putPreferences(values) {
    this.#write("preferences", values);
  }

  /** The keys that the person chose, by action; null where nothing was kept. */
  keys() {
    return this.#read("keys");
  }

  putKeys(values) {
    this.#write("keys", values);
  }

  /** The time of the newest note that the person has seen; empty for none. */
  seen() {
    return this.#read("notes seen") ?? "";
  }

  putSeen(time) {
    this.#write("notes seen", time);
  }

  /** Answers on their way, oldest first. */
  pending() {
    return this.#all("pending:").sort((a, b) => a.made - b.made);
  }

  putPending(answer) {
    this.#write(`pending:${answer.answer_id}`, answer);
  }

  dropPending(answer) {
    this.#drop(`pending:${answer.answer_id}`);
  }

  /** Drawings that the server would not take any more. */
  late() {
    return this.#all("late:").sort((a, b) => a.made - b.made);
  }

  putLate(drawing) {
    this.#write(`late:${drawing.request_id}`, drawing);
  }

  dropLate(drawing) {
    this.#drop(`late:${drawing.request_id}`);
  }

  #read(name) {
    try {
      return JSON.parse(this.memory.get(name) ?? this.storage.getItem(this.prefix + name));
    } catch {
      return null;
    }
  }

  #write(name, value) {
    const text = JSON.stringify(value);
    try {
      this.storage.setItem(this.prefix + name, text);
      this.memory.delete(name);
    } catch {
      this.memory.set(name, text);
    }
  }

  #drop(name) {
    this.memory.delete(name);
    try {
      this.storage.removeItem(this.prefix + name);
    } catch {
      // What cannot be written was never there.
    }
  }

  #names(kind) {
    const stored = Object.keys(this.storage).filter((name) => name.startsWith(this.prefix));
    const names = new Set([...this.memory.keys(), ...stored.map((name) => name.slice(this.prefix.length))]);
    return [...names].filter((name) => name.startsWith(kind));
  }

  #all(kind) {
    return this.#names(kind).map((name) => this.#read(name)).filter(Boolean);
  }
}
