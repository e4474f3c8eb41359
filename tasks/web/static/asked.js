// What a frame is asked for, where that is less than whole masks: a yes or no, or which objects are in it; other kinds
// choose the tool. Whoever does something else instead is welcome: what is drawn goes out as usual.

import { element } from "./elements.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

const TOOL = { click: "click", box: "box", polygon: "polygon", scribble: "scribble" };

const TEXT = {
  accept: "Are all masks right, and is nothing missing?",
  tag: "Which of these are in the frame? Tick them.",
  click: "A few clicks on what is wrong are enough.",
  scribble: "A few strokes along what is wrong are enough.",
  box: "Boxes around the objects that are wrong are enough.",
  polygon: "Rough outlines of the objects that are wrong are enough.",
};

export class Asked {
  constructor(colourOf) {
    Object.assign(this, { colourOf, kind: "mask", drawing: null, boxes: [] });
    this.root = byId("asked");
  }

  /** Take a task; known are the objects of its video. Gives the tool to begin with, or null. */
  open(task, drawing, known, nameOf) {
    const answerable = !task.blind && (task.kind !== "accept" || task.masks.length > 0);
    Object.assign(this, { kind: answerable ? task.kind : "mask", drawing, boxes: [] });
    this.root.hidden = !(this.kind in TEXT);
    this.root.dataset.kind = this.kind;
    byId("asked-text").textContent = t(TEXT[this.kind] ?? "");
    byId("asked-yes").hidden = byId("asked-no").hidden = this.kind !== "accept";
    byId("asked-tags").hidden = byId("asked-send").hidden = this.kind !== "tag";
    this.list(known, nameOf);
    return TOOL[this.kind] ?? null;
  }

  /** The objects that a tag is about. */
  list(known, nameOf) {
    if (this.kind !== "tag") return;
    const ticked = new Set(this.#ticked());
    this.boxes = known.map(({ track_id, category_id }) => {
      const box = element("input", { type: "checkbox", checked: ticked.has(track_id) });
      return { track: track_id, box, name: nameOf({ track_id, category_id }) };
    });
    byId("asked-tags").replaceChildren(...this.boxes.map(({ track, box, name }) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = this.colourOf(track);
      return element("li", {}, element("label", {}, box, swatch, name));
    }));
  }

  #ticked() {
    return this.boxes.filter(({ box }) => box.checked).map(({ track }) => track);
  }

  /** Whether Enter sends ticks: nothing was drawn instead. */
  get sendsTags() {
    return this.kind === "tag" && this.boxes.length > 0 && !this.drawing.done.length;
  }

  /** The answer that ticks are: what is not there; where the masks are is left open. */
  tags() {
    const here = new Set(this.#ticked());
    const gestures = this.boxes.map(({ track }) => ({ tool: "tag", track_id: track, adds: here.has(track), points: [] }));
    const absent = this.boxes.map(({ track }) => track).filter((track) => !here.has(track));
    return { complete: false, masks: [], absent, gestures };
  }

  /** The answer that a no is: the masks that were accepted one by one, or none. */
  refusal(masksOf) {
    const right = this.drawing.objects.filter((o) => o.accepted && !o.ignored && !this.drawing.isChanged(o));
    const gestures = this.drawing.objects.filter((o) => !o.ignored).map((o) => ({
      tool: "accept", track_id: o.track, adds: right.includes(o), points: [],
    }));
    if (!right.length) return { kind: "reject", more: { complete: false, masks: [], gestures } };
    const tracks = new Set(right.map((o) => o.track));
    return { kind: "accept", more: { complete: false, masks: masksOf().filter((m) => tracks.has(m.track_id)), gestures } };
  }
}
