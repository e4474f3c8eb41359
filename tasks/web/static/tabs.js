// One tab at a time: tabs of one browser would write over each other's drawings, so one of them works and the others
// wait. Tabs talk over a channel of their own, which works without TLS too; a tab that hears nothing takes the work.

import { uuid } from "./server.js";

const ANSWER_MS = 150, HANDING_OVER_MS = 2500;
const RELOAD_MS = 1500; // a tab that goes may only be loading again

export class Tabs {
  #heard = null;

  /** take() is called when this tab has the work, leave() when another wants it; leave() ends when all is kept. */
  constructor(take, leave, channel = new BroadcastChannel(`fewframes:${location.pathname}`)) {
    Object.assign(this, { take, leave, channel, id: uuid(), since: Date.now(), state: "asking" });
    channel.addEventListener("message", ({ data }) => this.#hear(data));
    addEventListener("pagehide", () => this.#goes());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  get works() {
    return this.state === "works";
  }

  /** Take the work unless another tab has it. */
  async begin() {
    this.state = "asking";
    const held = await this.#ask("ask", ANSWER_MS, "held");
    if (this.state !== "asking") return;
    if (held) await this.#yield();
    else this.#work();
  }

  /** Take the work from the tab that has it, when it has kept what is drawn there. */
  async takeOver() {
    if (this.works) return;
    this.since = Date.now();
    this.state = "asking";
    await this.#ask("give", HANDING_OVER_MS, "free");
    if (this.state === "asking") this.#work();
  }

  /** Say something, and tell whether the answer came in time. */
  async #ask(what, milliseconds, answer) {
    const heard = new Promise((done) => (this.#heard = (said) => said === answer && done(true)));
    this.#say(what);
    const found = await Promise.race([heard, new Promise((done) => setTimeout(done, milliseconds, false))]);
    this.#heard = null;
    return found;
  }

  #say(what) {
    this.channel.postMessage({ what, id: this.id, since: this.since });
  }

  async #hear({ what, id, since }) {
    // Of two tabs that begin at once, or of which one was too busy to answer in time, the one that began first works.
    const later = since > this.since || (since === this.since && id > this.id);
    if (what === "ask" && (this.works || (this.state === "asking" && later))) this.#say("held");
    if (what === "held" && this.works && !later) await this.#yield();
    if (what === "give" && this.state !== "waits") {
      await this.#yield();
      this.#say("free");
    }
    if (what === "gone") setTimeout(() => this.state === "waits" && this.begin(), RELOAD_MS);
    this.#heard?.(what);
  }

  #work() {
    this.state = "works";
    this.take();
  }

  async #yield() {
    this.state = "waits";
    await this.leave();
  }

  #goes() {
    if (this.works) this.#say("gone");
    this.state = "gone";
  }
}
