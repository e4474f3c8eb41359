// Objects carried from frame to frame while the person looks. What comes is only to look at until somebody corrects it:
// a corrected frame is an answer of its own, which goes out when the person goes on. It is kept on this device until
// the server has it.

import { Drawing } from "./drawing.js";
import { Evidence } from "./evidence.js";
import { uuid } from "./server.js";

const KEPT_AFTER_MS = 300;

/** Why no further frame came, in words. */
export const WHY = {
  end: "The video ends here.",
  cut: "The video cuts to another scene here.",
  labelled: "The next frame is labelled.",
  far: "Press the key again to go on.",
};

/** A frame that objects were carried to. */
class TrackedFrame {
  constructor(index, { height, width }, masks) {
    Object.assign(this, { index, masks, evidence: new Evidence(), record: null, sent: null });
    Object.assign(this, { drawing: new Drawing(height, width, masks), clockAt: 0 });
  }

  /** What the person corrected: masks of objects, and numbers of objects that are not here; null where nothing. */
  correction() {
    const { drawing } = this, here = drawing.objects.filter((o) => !o.ignored && !drawing.isBlank(o));
    const tracks = new Set(here.map((o) => o.track)), changed = here.filter((o) => drawing.isChanged(o));
    const masks = changed.map((o) => ({ track_id: o.track, category_id: o.category, rle: drawing.rleOf(o) }));
    const absent = this.masks.map((m) => m.track_id).filter((track) => !tracks.has(track));
    return masks.length || absent.length ? { masks, absent, complete: false, kind: "mask" } : null;
  }

  /** All that is in the frame, which the person found right. */
  everything() {
    const masks = this.drawing.masks(), kind = this.drawing.kind();
    return { masks, absent: [], complete: true, kind };
  }
}

/** Tells "frame" (its number) for each that comes, "state" when it begins or ends, and "ended" (why) at the end. */
export class Tracking extends EventTarget {
  constructor(work, clock) {
    super();
    Object.assign(this, { work, clock, task: null, frames: new Map(), here: null, going: null, timer: 0, every: false });
    work.addEventListener("going", ({ detail }) => this.#goesOut(detail));
    addEventListener("pagehide", () => this.leave());
  }

  /** Take a task; what was carried to other frames before is gone, but not what was corrected. */
  open(task) {
    this.stop();
    this.leave();
    Object.assign(this, { task, frames: new Map(), here: null });
  }

  get runs() {
    return this.going !== null;
  }

  /** Whether all objects are carried on, or the selected one. */
  set({ every = this.every }) {
    this.every = every;
    this.dispatchEvent(new Event("state"));
    this.dispatchEvent(new Event("change"));
  }

  at(index) {
    return this.frames.get(index) ?? null;
  }

  /** The objects of a drawing that would be carried on. */
  carried(drawing) {
    const all = this.every || !drawing.selected ? drawing.objects : [drawing.selected];
    return all.filter((object) => !object.ignored && !drawing.isBlank(object));
  }

  /**
   * Carry objects on from a frame that is drawn, to those after it (1) or before it (-1). show(frame) is awaited for
   * each that comes, so that none is passed over.
   */
  async start(drawing, from, direction, show) {
    this.stop();
    this.leave();
    const objects = this.carried(drawing), masks = objects.map((o) => ({
      track_id: o.track, category_id: o.category, rle: drawing.rleOf(o),
    }));
    const going = (this.going = new AbortController()), { task } = this;
    let until = null;
    this.dispatchEvent(new Event("state"));
    await this.work.track({ frame_idx: from, direction, masks, made_at: Date.now() }, going.signal, async (line) => {
      if (line.masks) {
        this.#put(task, line);
        await show(line.frame_idx);
      }
      until = line.until ?? line.error ?? until;
    });
    if (this.going !== going) return;
    this.going = null;
    this.dispatchEvent(new Event("state"));
    this.dispatchEvent(new CustomEvent("ended", { detail: until }));
  }

  #put(task, { frame_idx, masks }) {
    const known = this.frames.get(frame_idx);
    this.dispatchEvent(new CustomEvent("frame", { detail: frame_idx }));
    if (known?.sent) return;
    const tracks = new Set(masks.map((m) => m.track_id));
    // What was carried here before stays, but for the objects that come anew.
    const kept = known ? known.drawing.masks().filter((m) => !tracks.has(m.track_id)) : [];
    this.frames.set(frame_idx, new TrackedFrame(frame_idx, task.frame, [...kept, ...masks]));
  }

  /** End what is on its way; false when nothing was. */
  stop() {
    const { going } = this;
    if (!going) return false;
    this.going = null;
    going.abort();
    this.dispatchEvent(new Event("state"));
    return true;
  }

  // ---- what the person corrects

  /** The person looks at a frame that objects were carried to. */
  enter(frame) {
    this.here = frame;
    frame.clockAt = this.clock.seconds;
  }

  /** Something was drawn in the frame that is looked at. */
  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#keep(this.here?.correction()), KEPT_AFTER_MS);
  }

  /** The person goes on: what was corrected goes out. */
  leave() {
    clearTimeout(this.timer);
    const { here } = this;
    if (!here) return;
    this.#send(here.correction());
    this.here = null;
  }

  /** The person says that everything in the frame is right. */
  confirm() {
    const { here } = this;
    clearTimeout(this.timer);
    this.#send(here.everything());
  }

  #send(content) {
    const record = this.#keep(content);
    if (record) this.work.sendTracked(record);
  }

  /** Keep what was corrected on this device, and give it; null where there is nothing that the server has not. */
  #keep(content) {
    const { here, task } = this, state = JSON.stringify(here?.drawing.masks());
    const known = here?.sent?.state === state && (here.sent.complete || !content?.complete);
    if (!content || known) return null;
    const seconds = Math.max(0, Math.round((this.clock.seconds - here.clockAt) * 10) / 10);
    const { answer_id, made } = here.record ?? { answer_id: uuid(), made: Date.now() };
    const body = { answer_id, frame_idx: here.index, seconds, gestures: here.evidence.list(here.drawing), ...content };
    const frame = { video: task.frame.video, frame_idx: here.index };
    here.record = { answer_id, request_id: task.request_id, tracked: true, made, frame, body, state };
    this.work.keepTracked(here.record);
    return here.record;
  }

  /** An answer is on its way: what is drawn from now on is another one. Its time is not the frame's in hand. */
  #goesOut(answerId) {
    const frame = [...this.frames.values()].find(({ record }) => record?.answer_id === answerId);
    if (!frame) return;
    const { state, body } = frame.record;
    Object.assign(frame, { record: null, sent: { state, complete: body.complete } });
    this.clock.take(body.seconds);
    frame.clockAt = this.clock.seconds;
    frame.evidence.open();
  }
}
