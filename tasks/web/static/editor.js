// Tools: what pointers and the keyboard's cursor do to the drawing. Knows nothing of the server: where a tool needs
// it, refine(object, question) is called, which gives an RLE or null.

import { Corners } from "./corners.js";
import * as masks from "./masks.js";
import { SERIES, drawGesture, questionOf, strokeOf } from "./series.js";
import { ShownChange } from "./shown_change.js";

export const TOOLS = ["select", "brush", "eraser", "polygon", "box", "click", "scribble", "pan"];

const LEAST_RADIUS = 0.5, MOST_RADIUS = 200;
const CLOSE_BY = 10, TRACE_FROM = 5, TREMBLE = 1, BESIDE = 8; // CSS pixels
const LEAST_BESIDE = 2; // image pixels, for frames that are seen from very near
const SAME_BOX = 0.5, MOST_DOTS = 60;
const SIGN_FROM_MS = 100, TURN_MS = 900; // of the sign that the server works on a gesture
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Tools with which Shift means that the selected object grows; with the others it takes away. */
const GROWING = ["brush", "box"];

export class Editor extends EventTarget {
  #known = new WeakSet();

  constructor(view, colourOf, refine) {
    super();
    Object.assign(this, { view, colourOf, refine, drawing: null, editable: false, newObject: null });
    Object.assign(this, { tool: "brush", radius: 10, minus: false, cutting: false });
    Object.assign(this, { points: null, drag: null, clicks: null, pointer: null, busy: 0, spaceHeld: false });
    Object.assign(this, { touches: new Map(), penSeen: false, keyboard: false, closedByItself: false });
    Object.assign(this, { shown: null, asked: null });
    this.#listen();
  }

  /** Take a drawing; newObject() makes an object where a tool needs one. */
  open(drawing, newObject) {
    this.cancel();
    Object.assign(this, { drawing, newObject, clicks: null, shown: null });
    if (this.#known.has(drawing)) return;
    this.#known.add(drawing);
    drawing.addEventListener("select", () => (this.clicks = null));
    // One click is taken back, not the others before it.
    drawing.addEventListener("walk", ({ detail: { entry, side } }) => {
      const series = entry.series?.[side];
      if (series && this.tool === series.tool) this.clicks = { ...series, answered: series };
    });
  }

  choose(tool) {
    this.cancel();
    this.tool = tool;
    this.clicks = null;
    this.#tell();
  }

  resize(factor) {
    this.set({ radius: this.radius * factor });
  }

  set(values) {
    Object.assign(this, values);
    this.radius = Math.max(LEAST_RADIUS, Math.min(MOST_RADIUS, this.radius));
    this.#tell();
  }

  /** Give up what is begun; false when nothing was. */
  cancel() {
    const begun = Boolean(this.points || this.drag);
    this.closedByItself = false;
    if (this.drag?.kind === "stroke") {
      this.drawing.drop();
      this.drawing.discardBlank(this.drawing.selected);
    }
    Object.assign(this, { points: null, drag: null });
    this.view.redrawOverlay();
    return begun;
  }

  /** Close the polygon that is being drawn; false when there is none. Of one that was traced nobody moves a corner. */
  closePolygon(minus = this.minus, traced = false) {
    const points = this.points;
    if (!points) return false;
    this.points = null;
    const { drawing } = this;
    if (points.length > 2) {
      const object = this.#ready(), draw = (mask) =>
        masks.polygon(mask, drawing.width, drawing.height, points, minus ? 0 : 1);
      const corners = traced ? null : new Corners(object, points, minus, drawing.rleOf(object));
      const drawn = drawing.apply(minus ? "cut polygon" : "polygon", draw, this.cutting && !minus, { corners });
      this.#made("polygon", object, !minus, points, drawn && drawing.done.at(-1));
    }
    this.view.redrawOverlay();
    return true;
  }

  removePoint() {
    if (!this.points) return false;
    this.points.pop();
    if (!this.points.length) this.points = null;
    this.view.redrawOverlay();
    return true;
  }

  /** The corners of the polygon that was drawn last, while nothing else was done; null where there are none. */
  get corners() {
    const found = this.tool === "polygon" && !this.points && this.drawing?.done.at(-1)?.corners;
    return found && found.object === this.drawing.selected ? found : null;
  }

  /** Take out the corner under the pointer; false when there is none. */
  removeCorner() {
    const points = this.pointer && this.corners?.without(this.pointer, this.view.scale);
    if (points) this.#reshape(points);
    return Boolean(points);
  }

  #pullCorner(point) {
    const { drag } = this;
    drag.pulled ||= Math.hypot(point[0] - drag.from[0], point[1] - drag.from[1]) * this.view.scale > TREMBLE;
    if (drag.pulled) drag.points[drag.index] = point;
  }

  /** A press on a corner that pulls it nowhere begins another polygon there. */
  #dropCorner({ from, points, pulled }) {
    if (pulled) return this.#reshape(points);
    this.points = [from];
    return this.view.redrawOverlay();
  }

  #reshape(points) {
    const { drawing } = this, corners = this.corners.with(points);
    const draw = (mask) => corners.drawOn(mask, drawing.width, drawing.height);
    const drawn = drawing.apply("corner", draw, this.cutting && !corners.minus, { corners });
    this.#made("polygon", corners.object, !corners.minus, points, drawn && drawing.done.at(-1));
    this.view.redrawOverlay();
  }

  /** Let the server put the outline of the selected object where the picture has one; false when nothing is drawn. */
  fitOutline() {
    this.closePolygon();
    const { drawing } = this, object = drawing.selected;
    if (!object || drawing.isBlank(object)) return false;
    const shown = drawing.shown.find((m) => m.track_id === object.track)?.rle ?? null;
    const question = { rle: shown, outline: drawing.rleOf(object) };
    this.clicks = null;
    this.#ask(object, question, "fit", this.pointer ?? drawing.anchorOf(object));
    return true;
  }

  // ---- the tools, in image coordinates

  /** An object to draw on, made where none is selected. */
  #ready() {
    if (!this.drawing.selected) this.newObject(true);
    this.drawing.selected.visible = true;
    return this.drawing.selected;
  }

  /**
   * The object that a box or a stroke draws on: a new one where it begins away from the selected mask, unless Shift is
   * held or meets(selected) says that it is about that mask all the same.
   */
  #readyFor(meets, event) {
    const { selected } = this.drawing;
    const away = selected && !event.shiftKey && !this.drawing.isBlank(selected) && !meets(selected);
    if (!away) return this.#ready();
    const made = this.newObject(true);
    this.dispatchEvent(new CustomEvent("made", { detail: made }));
    return made;
  }

  #isBeside(object, point, reach) {
    return this.drawing.isNear(object, point, Math.max(LEAST_BESIDE, BESIDE / this.view.scale) + reach);
  }

  /** Tell of a gesture, for what the answer says of how it was made; its step is that of the history that it made. */
  #made(tool, object, adds, points, step = null) {
    const made = { tool, object, adds, points, step };
    this.dispatchEvent(new CustomEvent("gesture", { detail: made }));
    return made;
  }

  inverts(event) {
    return event.button === 2 || (event.shiftKey && !GROWING.includes(this.tool));
  }

  #press(point, minus, event) {
    this.closedByItself = false;
    this.shown = null;
    if (this.tool === "select" || event.altKey) return this.drawing.select(this.drawing.at(...point));
    this.dispatchEvent(new Event("draw"));
    if (this.tool === "brush" || this.tool === "eraser") return this.#beginStroke(point, minus, event);
    if (this.tool === "polygon") {
      const grip = this.corners?.minus === minus ? this.corners.grip(point, this.view.scale) : null;
      return grip ? (this.drag = { kind: "corner", from: point, ...grip }) : this.#addPoint(point, minus);
    }
    if (this.tool === "box") return (this.drag = { kind: "box", from: point, to: point, shiftKey: event.shiftKey });
    if (this.tool === "click") return this.#click(point, minus);
    if (this.tool === "scribble") return (this.drag = { kind: "scribble", points: [point], minus });
    return null;
  }

  #beginStroke(point, minus, event) {
    const value = (this.tool === "brush") === minus ? 0 : 1;
    const draws = this.tool === "brush" && value === 1;
    this.#readyFor((object) => !draws || this.#isBeside(object, point, this.radius), event);
    this.clicks = null;
    this.drawing.begin();
    this.drag = { kind: "stroke", value, last: point, points: [] };
    this.#strokeTo(point);
  }

  #strokeTo(point) {
    const { drawing, radius, drag } = this;
    const draw = (mask) => masks.capsule(mask, drawing.width, drawing.height, drag.last, point, radius, drag.value);
    drawing.draw(draw);
    drag.last = point;
    drag.points.push(point);
  }

  #addPoint(point, minus) {
    const near = (p) => Math.hypot(p[0] - point[0], p[1] - point[1]) * this.view.scale < CLOSE_BY;
    if (this.points?.length > 2 && near(this.points[0])) return (this.closedByItself = this.closePolygon(minus));
    if (this.points && near(this.points.at(-1))) return null;
    const alone = !this.points;
    (this.points ||= []).push(point);
    if (!this.keyboard) this.drag = { kind: "trace", from: point, moves: [], far: false, alone, minus };
    return this.view.redrawOverlay();
  }

  /** Points of a line drawn freely; a click that trembles is none. */
  #traceTo(point) {
    const { drag } = this;
    drag.moves.push(point);
    drag.far ||= Math.hypot(point[0] - drag.from[0], point[1] - drag.from[1]) * this.view.scale > TRACE_FROM;
    if (drag.far) this.points.push(...drag.moves.splice(0));
  }

  async #click([x, y], minus) {
    const { drawing } = this;
    if (x < 0 || y < 0 || x >= drawing.width || y >= drawing.height) return;
    await this.#addToSeries({ x: Math.floor(x), y: Math.floor(y), positive: !minus }, [[x, y]]);
  }

  /** Whether a mask is no longer the one that the machine shows: what somebody drew is mended only, never made anew. */
  #isOwn(object, rle) {
    const shown = this.drawing.shown.find((m) => m.track_id === object.track);
    return !shown || shown.provenance === "human" || shown.rle.counts !== rle?.counts;
  }

  /** What a click at the pointer would ask of the server; null outside of the frame. */
  wouldAsk() {
    const { drawing, pointer: [x, y], clicks, minus } = this, { selected } = drawing;
    if (x < 0 || y < 0 || x >= drawing.width || y >= drawing.height) return null;
    const click = { x: Math.floor(x), y: Math.floor(y), positive: !minus };
    const base = clicks?.base ?? (selected ? drawing.rleOf(selected) : null);
    const own = clicks?.own ?? (!selected || this.#isOwn(selected, base));
    return { rle: base, own, clicks: [...(clicks?.made ?? []), click] };
  }

  async #scribble({ points, minus }) {
    const { width, height } = this.drawing;
    if (!points.some(([x, y]) => x >= 0 && y >= 0 && x < width && y < height)) return;
    await this.#addToSeries(strokeOf(points, !minus), points);
  }

  /** Ask for the mask after one more click or stroke on the object. */
  async #addToSeries(gesture, points) {
    const object = this.#ready(), tool = this.tool in SERIES ? this.tool : "click";
    const base = this.drawing.rleOf(object), own = this.#isOwn(object, base);
    const begun = { tool, object, base, own, answered: null, made: [], told: [] };
    const series = this.clicks ?? begun, told = this.#made(tool, object, gesture.positive, points);
    this.clicks = { ...series, made: [...series.made, gesture], told: [...series.told, told] };
    await this.#ask(object, questionOf(this.clicks), tool, points.at(-1), this.clicks.told);
  }

  async #box({ from, to, shiftKey }) {
    const { drawing } = this;
    const box = masks.overlap(masks.around([from, to], 0, drawing.width, drawing.height), drawing.everything);
    if (box.x1 - box.x0 < 3 || box.y1 - box.y0 < 3) return;
    const alike = (o) => drawing.covers(o, from) || masks.sharedPart(box, o.bounds) >= SAME_BOX;
    const object = this.#readyFor(alike, { shiftKey });
    const told = this.#made("box", object, true, [[box.x0, box.y0], [box.x1, box.y1]]);
    await this.#ask(object, { rle: drawing.rleOf(object), box: [box.x0, box.y0, box.x1, box.y1] }, "box", to, [told]);
    if (drawing === this.drawing) drawing.discardBlank(object);
  }

  /**
   * Ask the server for a better mask. An answer that comes too late, or for another drawing, is dropped. Those of the
   * gestures told of that made no step of the history yet made the one that comes of it.
   */
  async #ask(object, question, label, point, told = []) {
    const { drawing } = this, clicks = this.clicks, version = object.version;
    const number = (object.asked = (object.asked ?? 0) + 1);
    this.busy++;
    this.asked = { point, since: performance.now() };
    this.#tell();
    const rle = await this.refine(object, { ...question, made_at: Date.now() }).catch(() => null);
    this.busy--;
    const current = drawing === this.drawing && number === object.asked && version === object.version;
    if (rle && current && this.#use(rle, object, label, clicks)) {
      for (const gesture of told) gesture.step ||= drawing.done.at(-1);
    }
    if (!rle && clicks && number === object.asked) this.clicks = null;
    this.#tell();
  }

  /** Take a mask of the server, and show what it changed. */
  #use(rle, object, label, clicks) {
    const { drawing } = this, going = this.clicks ?? clicks;
    const series = clicks && { before: clicks.answered, after: clicks };
    const changed = drawing.replace(label, object, rle, this.cutting, { series });
    this.clicks = going && { ...going, answered: clicks };
    this.shown = changed ? new ShownChange(drawing, drawing.done.at(-1)) : null;
    this.dispatchEvent(new CustomEvent("refined", { detail: { label, changed, change: this.shown } }));
    return changed;
  }

  #move(point) {
    this.pointer = point;
    if (this.drag?.kind === "stroke") this.#strokeTo(point);
    if (this.drag?.kind === "trace") this.#traceTo(point);
    if (this.drag?.kind === "scribble") this.drag.points.push(point);
    if (this.drag?.kind === "box") this.drag.to = point;
    if (this.drag?.kind === "corner") this.#pullCorner(point);
    this.view.redrawOverlay();
  }

  #release() {
    const { drag } = this;
    this.drag = null;
    if (drag?.kind === "stroke") {
      const { drawing } = this, { selected } = drawing;
      const drawn = drawing.finish(drag.value ? "brush" : "eraser", this.cutting && drag.value === 1);
      this.#made(this.tool, selected, drag.value === 1, drag.points, drawn && drawing.done.at(-1));
    }
    if (drag?.kind === "trace" && drag.far && drag.alone) this.closePolygon(drag.minus, true);
    if (drag?.kind === "box") this.#box(drag);
    if (drag?.kind === "scribble") this.#scribble(drag);
    if (drag?.kind === "corner" && this.corners) this.#dropCorner(drag);
  }

  // ---- the keyboard's cursor

  toggleKeyboard() {
    this.keyboard = !this.keyboard;
    const { view } = this, edge = view.stage.getBoundingClientRect();
    if (this.keyboard) {
      this.pointer = view.toImage({ clientX: edge.left + edge.width / 2, clientY: edge.top + edge.height / 2 });
      this.pointer = this.pointer.map((v) => Math.floor(v) + 0.5);
    } else if (this.drag) this.#release();
    this.#tell();
  }

  moveCursor(dx, dy) {
    const [x, y] = this.pointer, { width, height } = this.drawing;
    this.#move([Math.max(0.5, Math.min(width - 0.5, x + dx)), Math.max(0.5, Math.min(height - 0.5, y + dy))]);
    this.#follow();
  }

  /** Put the brush down or lift it, set a point, click. */
  pressCursor(shiftKey = false) {
    if (!this.editable) return;
    const event = { button: 0, shiftKey };
    if (this.drag) this.#release();
    else this.#press(this.pointer, this.minus !== this.inverts(event), event);
    this.#tell();
  }

  #follow() {
    const { stage } = this.view, edge = stage.getBoundingClientRect(), [x, y] = this.view.toPage(this.pointer);
    const beyond = (v, low, high) => (v < low + 40 ? low + 40 - v : v > high - 40 ? high - 40 - v : 0);
    this.view.pan(beyond(x, edge.left, edge.right), beyond(y, edge.top, edge.bottom));
  }

  // ---- pointers

  #listen() {
    const { stage } = this.view;
    stage.addEventListener("pointerdown", (e) => this.#down(e));
    stage.addEventListener("pointermove", (e) => this.#moved(e));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (e) => this.#up(e));
    stage.addEventListener("pointerleave", () => this.#left());
    stage.addEventListener("dblclick", () => this.closePolygon());
    stage.addEventListener("contextmenu", (e) => e.preventDefault());
    stage.addEventListener("wheel", (e) => this.#wheel(e), { passive: false });
  }

  #down(event) {
    if (!this.drawing) return;
    this.view.stage.setPointerCapture(event.pointerId);
    this.penSeen ||= event.pointerType === "pen";
    if (event.pointerType === "touch") this.touches.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.touches.size > 1) {
      this.cancel();
      return;
    }
    const palm = event.pointerType === "touch" && this.penSeen;
    if (event.button === 1 || this.spaceHeld || this.tool === "pan" || palm || !this.editable) {
      this.drag = { kind: "pan", x: event.clientX, y: event.clientY };
      event.preventDefault();
      return;
    }
    if (this.drag) return;
    this.keyboard = false;
    this.pointer = this.view.toImage(event);
    this.#press(this.pointer, this.minus !== this.inverts(event), event);
  }

  #moved(event) {
    if (this.touches.has(event.pointerId)) {
      const before = [...this.touches.values()];
      this.touches.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.touches.size > 1) return this.#pinch(before, [...this.touches.values()]);
    }
    if (this.drag?.kind === "pan") {
      this.view.pan(event.clientX - this.drag.x, event.clientY - this.drag.y);
      Object.assign(this.drag, { x: event.clientX, y: event.clientY });
      return null;
    }
    if (this.keyboard) return null;
    const moves = ["stroke", "trace", "scribble"].includes(this.drag?.kind) ? event.getCoalescedEvents?.() ?? [] : [];
    for (const move of moves.length ? moves : [event]) this.#move(this.view.toImage(move));
    return null;
  }

  #up(event) {
    this.touches.delete(event.pointerId);
    if (event.type === "pointercancel") this.cancel();
    else if (!this.keyboard) this.#release();
  }

  #left() {
    if (this.keyboard || this.drag) return;
    this.pointer = null;
    this.view.redrawOverlay();
  }

  #pinch(before, now) {
    const edge = this.view.stage.getBoundingClientRect();
    const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const apart = ([a, b]) => Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
    const [x0, y0] = middle(before), [x1, y1] = middle(now);
    this.view.pan(x1 - x0, y1 - y0);
    this.view.zoom(apart(now) / apart(before), [x1 - edge.left, y1 - edge.top]);
  }

  #wheel(event) {
    event.preventDefault();
    const turned = event.deltaY || event.deltaX;
    if (event.shiftKey) return this.resize(turned < 0 ? 1.15 : 1 / 1.15);
    const edge = this.view.stage.getBoundingClientRect();
    const factor = Math.exp(-Math.max(-60, Math.min(60, turned)) * (event.ctrlKey ? 0.01 : 0.004));
    return this.view.zoom(factor, [event.clientX - edge.left, event.clientY - edge.top]);
  }

  // ---- what is seen of the tools

  drawOver(context, scale) {
    if (!this.editable) return;
    const thin = 1.5 / scale;
    if (this.shown?.holds) this.shown.drawOver(context, scale);
    if (this.points) this.#drawPolygon(context, thin, this.pointer ? [...this.points, this.pointer] : this.points);
    if (this.corners) {
      const points = this.drag?.kind === "corner" ? this.drag.points : this.corners.points;
      this.#drawPolygon(context, thin, points === this.drag?.points ? [...points, points[0]] : [], points);
    }
    if (this.drag?.kind === "box") this.#twoLines(context, thin, (c) => c.rect(...this.#boxDrawn()));
    const stroke = this.drag?.kind === "scribble" ? [strokeOf(this.drag.points, !this.drag.minus)] : [];
    for (const gesture of [...(this.clicks?.made ?? []), ...stroke]) drawGesture(context, scale, gesture);
    if (this.pointer && (this.tool === "brush" || this.tool === "eraser")) {
      const { selected } = this.drawing, ring = (c) => c.arc(...this.pointer, this.radius, 0, 7);
      const colour = selected && this.tool === "brush" ? this.colourOf(selected.track) : undefined;
      this.#twoLines(context, thin, ring, colour);
    }
    if (this.keyboard) this.#drawCross(context, scale);
    if (this.busy) this.#drawWorking(context, scale);
  }

  /** The sign of work, where the person looks: at the pointer, or where the gesture was. */
  #drawWorking(context, scale) {
    const { since, point } = this.asked, now = performance.now();
    this.view.redrawOverlay();
    if (now - since < SIGN_FROM_MS) return;
    const [x, y] = this.pointer ?? point, turned = STILL.matches ? 0 : ((now - since) / TURN_MS) * 2 * Math.PI;
    this.#twoLines(context, 3 / scale, (c) => c.arc(x, y, 13 / scale, turned, turned + 1.4 * Math.PI));
  }

  #twoLines(context, width, trace, colour = "#ffffff") {
    for (const [stroke, w] of [["rgb(0 0 0 / 65%)", width * 2.2], [colour, width]]) {
      context.beginPath();
      trace(context);
      context.strokeStyle = stroke;
      context.lineWidth = w;
      context.stroke();
    }
  }

  #boxDrawn() {
    const { from, to } = this.drag;
    return [from[0], from[1], to[0] - from[0], to[1] - from[1]];
  }

  #drawPolygon(context, thin, line, corners = this.points) {
    this.#twoLines(context, thin, (c) => line.forEach((p, i) => (i ? c.lineTo(...p) : c.moveTo(...p))));
    for (const point of corners.length <= MOST_DOTS ? corners : []) {
      context.beginPath();
      context.arc(...point, thin * 2.4, 0, 7);
      context.fillStyle = "#ffffff";
      context.fill();
      context.strokeStyle = "rgb(0 0 0 / 65%)";
      context.lineWidth = thin * 0.6;
      context.stroke();
    }
  }

  #drawCross(context, scale) {
    const [x, y] = this.pointer, near = 4 / scale, far = 16 / scale;
    this.#twoLines(context, 1.5 / scale, (c) => {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        c.moveTo(x + dx * near, y + dy * near);
        c.lineTo(x + dx * far, y + dy * far);
      }
    });
  }

  #tell() {
    this.view.redrawOverlay();
    this.dispatchEvent(new Event("change"));
  }
}
