// The mask that a click would make, shown before it is clicked: where the pointer rests with the tool for clicks. It is
// asked for only while the server answers fast and works on nothing else; any gesture takes its place at once.

import * as masks from "./masks.js";
import { decodeBox } from "./rle.js";

const REST_MS = 200, FAST_MS = 400;
const HALO = "rgb(0 0 0 / 60%)", LINE = "#ffffff";

/** What a question comes to, whichever object it is about: the same answer is not asked for twice. */
function keyOf({ rle, clicks = [], frame_idx = null }) {
  const base = rle && decodeBox(rle).pixels.length ? rle.counts : null;
  return JSON.stringify([frame_idx, base, clicks.map((c) => [c.x, c.y, c.positive])]);
}

export class Preview extends EventTarget {
  /** ask(question) gives an RLE or null; elsewhere() says which frame is looked at, as a question does. */
  constructor(editor, ask, elsewhere) {
    super();
    Object.assign(this, { editor, ask, elsewhere, on: true, shown: null, last: null, asks: false, quick: true, timer: 0 });
    editor.view.stage.addEventListener("pointermove", (event) => this.#moved(event));
    editor.view.stage.addEventListener("pointerleave", () => this.drop());
    for (const name of ["draw", "change"]) editor.addEventListener(name, () => this.drop());
  }

  /** Whether people want it. */
  set({ on = this.on }) {
    this.on = on;
    this.drop();
    this.dispatchEvent(new Event("change"));
  }

  drop() {
    clearTimeout(this.timer);
    if (!this.shown) return;
    this.shown = null;
    this.editor.view.redrawOverlay();
  }

  /** A click was answered after so many milliseconds: slow servers are not asked for more. */
  took(milliseconds) {
    this.quick = milliseconds < FAST_MS;
  }

  /** The answer to a click, where it was shown already; null where it has to be asked for. */
  answerTo(question) {
    return question.clicks?.length && this.last && this.last.key === keyOf(question) ? this.last.rle : null;
  }

  get #may() {
    const { editor } = this;
    return this.on && this.quick && !this.asks && editor.tool === "click" && editor.editable && !editor.busy
      && !editor.drag && !editor.spaceHeld && Boolean(editor.pointer);
  }

  #moved(event) {
    this.drop();
    if (event.pointerType !== "touch" && this.#may) this.timer = setTimeout(() => this.#look(), REST_MS);
  }

  async #look() {
    const { editor } = this, question = this.#may && editor.wouldAsk();
    if (!question) return;
    const { drawing, pointer } = editor, asked = { ...question, ...this.elsewhere() }, began = performance.now();
    this.asks = true;
    const rle = await this.ask({ ...asked, preview: true, made_at: Date.now() }).catch(() => null);
    this.asks = false;
    if (!rle) return;
    this.took(performance.now() - began);
    this.last = { key: keyOf(asked), rle };
    if (drawing !== editor.drawing || pointer !== editor.pointer || editor.busy || editor.drag) return;
    const { pixels, box } = decodeBox(rle), path = new Path2D(), width = box.x1 - box.x0;
    const whole = { x0: 0, y0: 0, x1: width, y1: box.y1 - box.y0 };
    path.addPath(masks.outline(pixels, width, whole), { e: box.x0, f: box.y0 });
    this.shown = path;
    editor.view.redrawOverlay();
  }

  drawOver(context, scale) {
    if (!this.shown) return;
    context.setLineDash([3 / scale, 3 / scale]);
    for (const [colour, width] of [[HALO, 3], [LINE, 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.stroke(this.shown);
    }
    context.setLineDash([]);
  }
}
