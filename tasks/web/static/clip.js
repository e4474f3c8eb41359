// The clip around the frame: pictures and masks of its neighbours, a strip to scrub, and playing.

import { call } from "./server.js";
import { t } from "./words.js";

const REACH = 30, LONG_SIDE = 960, THUMB_SIDE = 160, AT_ONCE = 2, BUSY_MS = 50;

/** Tells "show" {frame, image, masks} when another frame is to be seen; image is null for the frame to label. */
export class Clip extends EventTarget {
  /** While busy() says so, nothing is fetched ahead: the server works on what the person waits for. */
  constructor(root, busy = () => false) {
    super();
    this.busy = busy;
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    Object.assign(this, { strip: part("strip"), range: part("range"), label: part("label"), playButton: part("play") });
    Object.assign(this, { task: null, at: 0, frames: new Map(), timer: 0, marks: part("marks") });
    this.range.addEventListener("input", () => this.go(Number(this.range.value)));
    part("before").addEventListener("click", () => this.step(-1));
    part("after").addEventListener("click", () => this.step(1));
    part("own").addEventListener("click", () => this.go(this.own));
    this.playButton.addEventListener("click", () => this.play());
    new ResizeObserver(() => this.#drawStrip()).observe(this.strip);
  }

  get own() {
    return this.task.frame.frame_idx;
  }

  open(task) {
    this.stop();
    const { frame_idx, n_frames } = task.frame;
    Object.assign(this, { task, at: frame_idx, frames: new Map() });
    this.first = Math.max(0, frame_idx - REACH);
    this.last = Math.min(n_frames - 1, frame_idx + REACH);
    Object.assign(this.range, { min: this.first, max: this.last, value: frame_idx });
    this.#drawStrip();
    this.#tell();
    this.#prefetch(task);
  }

  step(by) {
    this.stop();
    this.go(this.at + by);
  }

  /** Look at a frame wherever it is in the video. */
  visit(frame) {
    this.stop();
    return this.#goTo(frame);
  }

  /** Mark frames in the strip that people labelled. */
  mark(labelled) {
    const near = labelled.filter((i) => i >= this.first && i <= this.last && i !== this.own);
    this.marks.replaceChildren(...near.map((frame) => {
      const mark = document.createElement("i");
      mark.title = t("frame {frame} is labelled", { frame });
      mark.style.left = `${this.#share(frame) * 100}%`;
      return mark;
    }));
  }

  go(frame) {
    return this.#goTo(Math.max(this.first, Math.min(this.last, frame)));
  }

  async #goTo(to) {
    const { task } = this;
    this.at = to;
    this.range.value = to;
    this.#tell();
    const seen = to === this.own ? { image: null, masks: [] } : await this.#frame(to);
    if (task !== this.task || to !== this.at) return;
    this.dispatchEvent(new CustomEvent("show", { detail: { frame: to, ...seen } }));
  }

  /** Masks of the frame before, as they are delivered or labelled; none where nothing is known. */
  async masksBefore() {
    return this.own > 0 ? this.#masks(this.own - 1) : [];
  }

  play() {
    if (this.timer) return this.stop();
    this.playButton.setAttribute("aria-pressed", "true");
    if (this.at >= this.last) this.at = this.first - 1;
    const wait = 1000 / Math.min(30, Math.max(2, this.task.frame.fps));
    const next = async () => {
      const began = performance.now();
      await this.go(this.at < this.last ? this.at + 1 : this.first);
      if (this.timer) this.timer = setTimeout(next, Math.max(0, wait - (performance.now() - began)));
    };
    this.timer = setTimeout(next, 0);
    return null;
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.playButton.setAttribute("aria-pressed", "false");
  }

  // ---- pictures and masks

  #frame(index) {
    if (!this.frames.has(index)) {
      const found = this.#fetch(index);
      this.frames.set(index, found);
      found.catch(() => this.frames.delete(index));
    }
    return this.frames.get(index).catch(() => ({ image: null, masks: [], missing: true }));
  }

  async #fetch(index) {
    const image = new Image();
    image.src = `api/frames/${this.task.frame.video_id}/${index}.jpg?long_side=${LONG_SIDE}`;
    const [masks] = await Promise.all([this.#masks(index), image.decode()]);
    return { image, masks };
  }

  /** A blind frame is drawn from nothing: only what people drew in its neighbours is shown then. */
  async #masks(index) {
    const { frame, blind } = this.task;
    const { masks } = await call("GET", `api/masks/${frame.video_id}/${index}`);
    return blind ? masks.filter((mask) => mask.provenance === "human") : masks;
  }

  /** Fetch the neighbours, nearest first, without crowding out what is asked for now. */
  async #prefetch(task) {
    const near = [];
    for (let d = 1; d <= REACH; d++) near.push(this.own + d, this.own - d);
    const wanted = near.filter((i) => i >= this.first && i <= this.last);
    const fetchNext = async () => {
      while (wanted.length && task === this.task) {
        if (this.busy()) await new Promise((done) => setTimeout(done, BUSY_MS));
        else await this.#frame(wanted.shift());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, fetchNext));
  }

  // ---- the strip

  #drawStrip() {
    if (!this.task) return;
    const { width, height, video_id, cuts = [] } = this.task.frame, tall = this.strip.clientHeight;
    const wide = Math.max(24, (tall * width) / height), frames = this.last - this.first + 1;
    const count = Math.max(1, Math.min(frames, Math.floor(this.strip.clientWidth / wide)));
    const shown = Array.from({ length: count }, (_, k) => Math.round(this.first + ((k + 0.5) * frames) / count - 0.5));
    if (this.strip.dataset.shown === `${video_id}:${shown}`) return;
    this.strip.dataset.shown = `${video_id}:${shown}`;
    this.strip.replaceChildren(...shown.map((index) => {
      const image = new Image();
      Object.assign(image, { alt: "", draggable: false, loading: "lazy" });
      image.src = `api/frames/${video_id}/${index}.jpg?long_side=${THUMB_SIDE}`;
      return image;
    }));
    this.strip.append(...cuts.filter((cut) => cut > this.first && cut <= this.last).map((cut) => {
      const mark = document.createElement("i");
      mark.className = "cut";
      mark.style.setProperty("--place", (cut - this.first) / frames);
      return mark;
    }));
  }

  #tell() {
    const by = this.at - this.own, signed = by > 0 ? `+${by}` : `−${-by}`;
    this.label.textContent = by ? t("frame {frame} ({signed})", { frame: this.at, signed }) : t("frame {frame}, to label", { frame: this.at });
    this.range.setAttribute("aria-valuetext", this.label.textContent);
    this.range.parentElement.style.setProperty("--own", this.#share(this.own));
    this.range.parentElement.style.setProperty("--at", this.#share(this.at));
  }

  #share(frame) {
    const share = this.last > this.first ? (frame - this.first) / (this.last - this.first) : 0.5;
    return Math.max(0, Math.min(1, share));
  }
}
