// One person's work: the frame in hand, its lease, drafts, and answers on their way. An answer is kept on this device
// until the server has confirmed it, and is sent again with the same id until then.
//
// Tells: "task" {task, drawn}, "empty", "state", "sent" {undoSeconds, kind}, "late" (the drawing), "refused" {error},
// "note" (a sentence of the server), "going" (the id of a correction that is on its way),
// "elsewhere" (the person works on another device).

import { sentences } from "./messages.js";
import { call, lines, Refused, Unreachable, uuid } from "./server.js";

const LOCAL_MS = 300, SERVER_MS = 2500, EMPTY_MS = 4000;
const AWAY_SECONDS = 180;
const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 10000;
const STOP_MS = 2000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Work extends EventTarget {
  /** masks() gives what is drawn now; reviews says whether answers of others are looked at instead of frames. */
  constructor(keeper, clock, masks, reviews = false) {
    super();
    Object.assign(this, { reviews, nextPath: reviews ? "api/review/next" : "api/next" });
    Object.assign(this, { keeper, clock, masks, task: null, last: null, sending: false, takes: false });
    Object.assign(this, { online: true, signedOut: false, saved: "saved", healing: false, timers: {}, active: false });
    addEventListener("online", () => this.#hurry?.());
    addEventListener("pagehide", () => this.#saveHere());
    document.addEventListener("visibilitychange", () => this.#saveHere());
  }

  #hurry = null;

  /** Begin, or go on; take it from another device where it was begun there. */
  async start(take = false) {
    Object.assign(this, { active: true, takes: take });
    await this.#safely(() => this.#goOn());
  }

  /** Leave the work to another tab of this person: what is drawn is kept on this device and on the server. */
  async stop() {
    if (!this.active) return;
    this.#saveHere();
    this.#stopTimers();
    const saved = this.saved === "saved" ? null : this.#safely(() => this.#saveThere());
    await Promise.race([saved, pause(STOP_MS)]);
    this.active = false;
    this.#stopTimers();
    this.task = null;
    this.#say({ saved: "saved", sending: false });
  }

  // ---- what the person does

  /** Something was drawn. */
  changed() {
    this.#say({ saved: "saving" });
    this.#after("here", LOCAL_MS, () => this.#saveHere());
    this.#after("there", SERVER_MS, () => this.#safely(() => this.#saveThere()));
  }

  /** Send an answer; more is said beside its kind, also of other masks than those that are drawn. */
  async submit(kind, more = {}) {
    if (this.sending || !this.task) return;
    this.#stopTimers();
    const { request_id, base_revision, lease, frame } = this.task;
    const seconds = Math.round(this.clock.seconds * 10) / 10;
    const drawn = this.masks(), answer_id = uuid(), masks = kind === "absent" ? [] : drawn;
    const body = { answer_id, lease: lease.token, base_revision, kind, seconds, masks, go_on: this.nextPath === "api/next", ...more };
    const { nextPath } = this;
    this.keeper.putPending({ answer_id, request_id, made: Date.now(), frame, body, drawn, nextPath });
    this.#say({ sending: true });
    await this.#safely(() => this.#goOn());
  }

  /** Say of the answer in hand what a reviewer says: "approve", or "return" with a note. */
  async review(verdict, more = {}) {
    if (this.sending || !this.task) return;
    this.#stopTimers();
    const { request_id, base_revision, lease, frame } = this.task, answer_id = uuid(), { nextPath } = this;
    const seconds = Math.round(this.clock.seconds * 10) / 10;
    const body = { review_id: answer_id, lease: lease.token, base_revision, seconds, ...more };
    this.keeper.putPending({ answer_id, request_id, made: Date.now(), frame, body, verdict, nextPath });
    this.#say({ sending: true });
    await this.#safely(() => this.#goOn());
  }

  /**
   * Send answers to several frames in hand, [{task, kind, masks, more, judged}], and give others back; the seconds are
   * shared by what was judged.
   */
  async submitAll(answers, left) {
    if (this.sending || !this.task) return;
    this.#stopTimers();
    const judged = answers.reduce((sum, answer) => sum + answer.judged, 0), made = Date.now();
    answers.forEach(({ task, kind, masks, more, judged: mine }, i) => {
      const { request_id, base_revision, lease, frame } = task, answer_id = uuid();
      const seconds = Math.round((this.clock.seconds * mine * 10) / judged) / 10;
      const body = { answer_id, lease: lease.token, base_revision, kind, seconds, masks, ...more };
      this.keeper.putPending({ answer_id, request_id, made: made + i, frame, body, drawn: masks });
    });
    this.#say({ sending: true });
    await this.giveBack(left);
    await this.#safely(() => this.#goOn());
  }

  /** More frames to look at together with the one in hand, which is the first of them. */
  async looks() {
    return (await this.#safely(() => call("POST", "api/looks")))?.tasks ?? [];
  }

  /** Let leases of frames last on. */
  async keepAll(tasks) {
    for (const { request_id, lease } of tasks) {
      await this.#safely(() => call("POST", `api/requests/${request_id}/renew`, { lease: lease.token }));
    }
  }

  /** Give frames back that nothing is said of. */
  async giveBack(tasks) {
    for (const { request_id, lease } of tasks) {
      await this.#safely(() => call("POST", `api/requests/${request_id}/release`, { lease: lease.token }));
    }
  }

  /** Skip, flag or drop the frame, with a reason. */
  async putAside(how, reason) {
    if (this.sending || !this.task) return;
    const { request_id, lease } = this.task;
    this.#saveHere();
    this.#say({ sending: true });
    await this.#safely(async () => {
      await call("POST", `api/requests/${request_id}/${how}`, { lease: lease.token, reason }).catch((error) => {
        this.#say({ sending: false });
        throw error;
      });
      this.#close();
      await this.#next();
    });
  }

  /** Take the last answer, or approval, back; the frame comes again as it was drawn. */
  async undoLast() {
    if (!this.canUndo || !this.online || this.sending) return;
    const { path, masks } = this.last;
    await this.#safely(async () => {
      if (this.saved !== "saved") await this.#saveThere();
      const task = await call("POST", path);
      this.last = null;
      this.#open(task, masks);
    });
  }

  /** Take a frame in hand that this person answered; the answer stands until another one is sent. */
  async reopen(requestId) {
    if (this.sending) return null;
    return this.#safely(async () => {
      if (this.task && this.saved !== "saved") await this.#saveThere();
      this.#open(await call("POST", `api/requests/${requestId}/reopen`));
      return true;
    });
  }

  /** Give a frame that was opened again back without a word: its answer stays as it was. */
  async leaveAsItWas() {
    if (this.sending || !this.task) return;
    const { request_id, lease } = this.task;
    this.#say({ sending: true });
    await this.#safely(async () => {
      const released = call("POST", `api/requests/${request_id}/release`, { lease: lease.token });
      await released.finally(() => this.#say({ sending: false }));
      this.#close();
      await this.#next();
    });
  }

  /** Ask which frame comes after the one in hand; null where that is not known. */
  async upcoming() {
    return this.reviews ? null : call("GET", "api/upcoming").catch(() => null);
  }

  /** The frames that this person answered last, the newest first; null where the server is away. */
  async answered() {
    return (await this.#safely(() => call("GET", "api/answered")))?.frames ?? null;
  }

  get canUndo() {
    return Boolean(this.last) && Date.now() < this.last.until;
  }

  /** Ask for the frame of a drawing that came too late; true when it is there again, as it was drawn. */
  async claimAgain(drawing) {
    return this.#safely(async () => {
      await this.#release();
      const task = await call("POST", this.nextPath);
      const same = task?.request_id === drawing.request_id;
      if (same) this.keeper.dropLate(drawing);
      if (task) this.#open(task, same ? drawing.body.masks : null);
      else this.#wait();
      return same;
    });
  }

  /** Ask the server to refine a mask. */
  async refine(question) {
    const { request_id, lease } = this.task;
    const reply = await this.#safely(() =>
      call("POST", `api/requests/${request_id}/refine`, { lease: lease.token, ...question }));
    return reply?.rle ?? null;
  }

  /** Ask what a click would come to; null where the server has other work, or is away. */
  async preview(question) {
    if (!this.online || !this.task) return null;
    const { request_id, lease } = this.task;
    const path = `api/requests/${request_id}/refine`;
    return (await call("POST", path, { lease: lease.token, ...question }))?.rle ?? null;
  }

  /** Carry masks to other frames: take(line) is awaited for each line that the server sends, until signal aborts. */
  async track(question, signal, take) {
    const { request_id, lease } = this.task;
    await this.#safely(async () => {
      const path = `api/requests/${request_id}/track`;
      for await (const line of lines(path, { lease: lease.token, ...question }, signal)) await take(line);
    });
  }

  /** Keep what was corrected in another frame on this device. */
  keepTracked(answer) {
    this.keeper.putPending(answer);
  }

  /** Send what was corrected in another frame. */
  async sendTracked(answer) {
    await this.#safely(() => this.#sendTracked(answer));
  }

  async leave() {
    await this.#safely(async () => {
      await this.#release();
      await call("POST", "api/leave");
    });
  }

  async #release() {
    if (!this.task) return;
    const { request_id, lease } = this.task;
    if (this.saved !== "saved") await this.#saveThere();
    await call("POST", `api/requests/${request_id}/release`, { lease: lease.token });
  }

  // ---- the frame in hand

  async #goOn() {
    if (!this.active) return;
    let reply = {};
    for (const answer of this.keeper.pending()) if (!(reply = await this.#send(answer))) return;
    // What was answered stays locked until the next frame is there: a second Enter would send it again.
    await this.#next(reply.next);
  }

  /** Take the next frame, which is asked for unless it is known already (null for none). */
  async #next(known = undefined) {
    this.#stopTimers();
    this.#askLater();
    const path = `${this.nextPath}${this.takes ? "?take=true" : ""}`;
    const task = known === undefined ? await call("POST", path) : known;
    this.takes = false;
    if (task) this.#open(task);
    else this.#wait();
  }

  #wait() {
    if (!this.active) return;
    this.#close();
    this.#say({ sending: false });
    this.dispatchEvent(new Event("empty"));
    this.#askLater();
  }

  #askLater() {
    this.#after("next", EMPTY_MS, () => this.#safely(() => this.#next()));
  }

  #open(task, drawn = null) {
    if (!this.active) return;
    this.#stopTimers();
    const here = this.keeper.draft(task.request_id);
    const drafts = [here?.base_revision === task.base_revision ? here : null, task.draft].filter(Boolean);
    drafts.sort((a, b) => b.seconds - a.seconds);
    this.task = task;
    this.clock.start(drafts[0]?.seconds ?? 0);
    this.#say({ saved: "saved", sending: false });
    const detail = { task, drawn: drawn ?? drafts[0]?.masks ?? null };
    this.dispatchEvent(new CustomEvent("task", { detail }));
    this.#keepLease(task.lease.expires_in_seconds);
    if (drawn) this.changed();
  }

  #close() {
    if (this.task) this.keeper.dropDraft(this.task.request_id);
    this.task = null;
    this.#stopTimers();
  }

  #keepLease(seconds) {
    this.#after("renew", Math.max(1000, (seconds / 3) * 1000), () => this.#safely(() => this.#renew()));
  }

  async #renew() {
    if (!this.task || this.sending) return;
    const { request_id, lease } = this.task;
    if (this.clock.idle > AWAY_SECONDS) return this.#keepLease(15);
    try {
      const { expires_in_seconds, note } = await call("POST", `api/requests/${request_id}/renew`, { lease: lease.token });
      this.#keepLease(expires_in_seconds);
      if (note) this.dispatchEvent(new CustomEvent("note", { detail: note }));
    } catch (error) {
      if (error instanceof Refused && error.stale) await this.#leaseLost(error);
      else throw error;
    }
    return null;
  }

  /** The lease ran out: often nobody took the frame, and it is simply taken again. */
  async #leaseLost(error) {
    const { request_id, base_revision, frame } = this.task;
    const body = { masks: this.masks(), seconds: this.clock.seconds };
    const task = await call("POST", this.nextPath);
    if (task?.request_id === request_id && task.base_revision === base_revision) {
      this.task.lease = task.lease;
      this.#keepLease(task.lease.expires_in_seconds);
    } else {
      this.#tooLate({ request_id, frame, body, made: Date.now() }, error, task);
    }
  }

  #tooLate(drawing, error, task) {
    drawing.why = [error.message, error.mend];
    this.keeper.putLate(drawing);
    this.#say({ sending: false });
    if (task) this.#open(task);
    else this.#wait();
    this.dispatchEvent(new CustomEvent("late", { detail: drawing }));
  }

  // ---- answers on their way

  /** Send one answer; gives what the server says, or false when the way is not free for what comes next. */
  async #send(answer) {
    if (answer.tracked) return this.#sendTracked(answer);
    try {
      const path = `api/requests/${answer.request_id}/${answer.verdict ?? "submit"}`;
      const reply = await call("POST", path, answer.body);
      this.#arrived(answer, reply.undo_seconds);
      return reply;
    } catch (error) {
      if (!(error instanceof Refused) || error.signedOut) throw error;
      if (error.stale) return this.#sendAgain(answer, error);
      this.keeper.dropPending(answer);
      this.#say({ sending: false });
      this.#keepLease(0);
      this.dispatchEvent(new CustomEvent("refused", { detail: { error } }));
      return false;
    }
  }

  /** Send a correction; the way is free for what comes next also where it is refused. */
  async #sendTracked(answer) {
    this.dispatchEvent(new CustomEvent("going", { detail: answer.answer_id }));
    try {
      await call("POST", `api/requests/${answer.request_id}/tracked`, answer.body);
    } catch (error) {
      if (!(error instanceof Refused) || error.signedOut) throw error;
      const late = { ...answer, request_id: `tracked:${answer.answer_id}`, why: [error.message, error.mend] };
      this.keeper.putLate(late);
      this.dispatchEvent(new CustomEvent("late", { detail: late }));
    }
    this.keeper.dropPending(answer);
    return {};
  }

  #arrived(answer, undoSeconds) {
    this.keeper.dropPending(answer);
    this.keeper.dropDraft(answer.request_id);
    // Of what a reviewer said, approvals can be taken back.
    const { answer_id, verdict, drawn: masks } = answer, until = Date.now() + undoSeconds * 1000;
    const path = verdict ? `api/reviews/${answer_id}/undo` : `api/answers/${answer_id}/undo`;
    this.last = this.reviews && verdict !== "approve" ? null : { path, masks, until };
    const kind = answer.verdict ?? answer.body.kind;
    this.dispatchEvent(new CustomEvent("sent", { detail: { undoSeconds: undoSeconds ?? 0, kind } }));
  }

  /** The lease ran out on the way. Where the frame is free and unchanged, take it again and send once more. */
  async #sendAgain(answer, error) {
    const task = await call("POST", answer.nextPath ?? this.nextPath);
    const { body } = answer;
    const same = task?.request_id === answer.request_id && task.base_revision === body.base_revision;
    if (same && body.lease !== task.lease.token) {
      body.lease = task.lease.token;
      this.keeper.putPending(answer);
      return this.#send(answer);
    }
    this.keeper.dropPending(answer);
    if (answer.verdict) this.#reviewedElsewhere(error, task);
    else this.#tooLate(answer, error, task);
    return false;
  }

  /** Somebody else was faster, or the answer is another one now: there is no drawing to keep. */
  #reviewedElsewhere(error, task) {
    this.#say({ sending: false });
    if (task) this.#open(task);
    else this.#wait();
    this.dispatchEvent(new CustomEvent("note", { detail: sentences(error.message, error.mend) }));
  }

  // ---- drafts

  #draft() {
    return { masks: this.masks(), seconds: this.clock.seconds, base_revision: this.task.base_revision };
  }

  #saveHere() {
    if (this.task && !this.sending && this.saved !== "saved") this.keeper.putDraft(this.task.request_id, this.#draft());
  }

  async #saveThere() {
    if (!this.task || this.sending) return;
    const { request_id, lease } = this.task;
    const { masks, seconds } = this.#draft();
    try {
      await call("PUT", `api/requests/${request_id}/draft`, { lease: lease.token, masks, seconds });
      if (!this.timers.there) this.#say({ saved: "saved" });
    } catch (error) {
      if (!(error instanceof Refused && error.stale)) throw error;
      await this.#renew();
      if (this.task?.request_id === request_id) this.changed();
    }
  }

  // ---- the connection

  /** Run a call. Where the server is away, the page says so, keeps everything and goes on when it is back. */
  async #safely(run) {
    try {
      const result = await run();
      if (!this.online || this.signedOut) this.#say({ online: true, signedOut: false });
      return result;
    } catch (error) {
      if (error instanceof Unreachable) this.#heal();
      else if (error instanceof Refused && error.signedOut) this.#heal(true);
      else if (error instanceof Refused && error.elsewhere) this.#leaveToAnotherDevice();
      else if (error instanceof Refused) this.dispatchEvent(new CustomEvent("refused", { detail: { error } }));
      else throw error;
      return null;
    }
  }

  /** The person went on elsewhere; what is drawn here stays on this device. */
  #leaveToAnotherDevice() {
    this.#saveHere();
    this.#stopTimers();
    Object.assign(this, { active: false, task: null });
    this.#say({ saved: "saved", sending: false });
    this.dispatchEvent(new Event("elsewhere"));
  }

  async #heal(signedOut = false) {
    this.#say(signedOut ? { signedOut } : { online: false });
    if (this.healing) return;
    this.healing = true;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 1.6)) {
      await Promise.race([pause(wait), new Promise((done) => (this.#hurry = done))]);
      const back = await call("GET", "api/me").then(() => true, (error) => this.#note(error));
      if (back) break;
    }
    this.healing = false;
    this.#say({ online: true, signedOut: false });
    await this.#safely(() => this.#pickUp());
  }

  #note(error) {
    const signedOut = error instanceof Refused && error.signedOut;
    this.#say({ online: !(error instanceof Unreachable), signedOut });
    return false;
  }

  async #pickUp() {
    if (!this.active) return null;
    const pending = this.keeper.pending(), corrections = pending.filter((answer) => answer.tracked);
    if (!this.task || this.sending || corrections.length < pending.length) return this.#goOn();
    for (const answer of corrections) await this.#sendTracked(answer);
    await this.#renew();
    return this.saved === "saved" ? null : this.#saveThere();
  }

  // ---- small things

  #say(values) {
    Object.assign(this, values);
    this.dispatchEvent(new Event("state"));
  }

  #after(name, ms, run) {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(() => {
      delete this.timers[name];
      run();
    }, ms);
  }

  #stopTimers() {
    Object.values(this.timers).forEach(clearTimeout);
    this.timers = {};
  }
}
