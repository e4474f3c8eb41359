// What a person draws on one frame: objects with masks, and a history that can be walked both ways.

import { decode, decodeBox, encode } from "./rle.js";
import * as masks from "./masks.js";

const MOST_STEPS = 200;

/**
 * One object of the frame. Its number in the video is its track. Of its mask the pixels of an area are kept, row by
 * row; box, which may reach further, holds all that is set. The area is the whole frame only while something is drawn.
 */
class DrawnObject {
  static count = 0;

  constructor(height, width, { track_id, category_id, rle = null, attributes = [], provenance = null, confidence = null }) {
    const { pixels, box } = rle ? decodeBox(rle) : { pixels: new Uint8Array(0), box: masks.NOWHERE };
    Object.assign(this, { key: ++DrawnObject.count, track: track_id, category: category_id, pixels, box, area: box });
    Object.assign(this, { everything: { x0: 0, y0: 0, x1: width, y1: height } });
    Object.assign(this, { attributes, provenance, confidence, visible: true, accepted: false, version: 0 });
    this.coded = rle && { version: 0, rle };
    this.guessed = false; // whether the number is not the server's yet
    this.sure = false; // whether the person said that number and category are right
  }

  get ignored() {
    return this.category === 0;
  }

  /** Pixels of a row of the area. */
  get stride() {
    return this.area.x1 - this.area.x0;
  }

  /** The part of a rectangle of the frame that is in the area, as a rectangle of the area. */
  local(rect) {
    const part = masks.overlap(rect, this.area);
    return masks.isEmpty(part) ? masks.NOWHERE : masks.moved(part, -this.area.x0, -this.area.y0);
  }

  /** The smallest rectangle of the frame around the set pixels. */
  get bounds() {
    const found = masks.bounds(this.pixels, this.stride, this.local(this.box));
    return masks.isEmpty(found) ? masks.NOWHERE : masks.moved(found, this.area.x0, this.area.y0);
  }

  /** Keep the pixels of the whole frame, to draw on; gives them. */
  expand() {
    const { x1, y1 } = this.everything;
    if (this.pixels.length < x1 * y1) {
      const pixels = new Uint8Array(x1 * y1);
      masks.paste(pixels, x1, this.area, this.pixels);
      Object.assign(this, { pixels, area: this.everything });
    }
    return this.pixels;
  }

  /** Keep no more pixels than are needed. */
  compact() {
    const { bounds } = this;
    Object.assign(this, { pixels: masks.cut(this.pixels, this.stride, this.local(bounds)), area: bounds });
  }
}

/**
 * The objects of a frame; tells "change" with the rectangle to paint anew, "select", and "walk" with the step of the
 * history that was taken back or done again.
 */
export class Drawing extends EventTarget {
  /**
   * shown: the masks that the person starts from, [{track_id, category_id, rle}].
   * drawn: what the person had drawn before, in the same form; null where nothing was.
   */
  constructor(height, width, shown, drawn = null) {
    super();
    Object.assign(this, { height, width, objects: [], selected: null, undone: [], done: [], stroke: null });
    this.shown = shown;
    const known = new Map(shown.map((m) => [m.track_id, m]));
    const start = drawn?.map((m) => {
      const { provenance = null, confidence = null } = known.get(m.track_id) ?? {};
      return { ...m, provenance, confidence };
    }) ?? shown;
    this.objects = start.map((m) => new DrawnObject(height, width, m));
    this.selected = this.objects[0] ?? null;
  }

  get everything() {
    return { x0: 0, y0: 0, x1: this.width, y1: this.height };
  }

  // ---- what comes out

  rleOf(object) {
    if (object.coded?.version !== object.version) {
      object.coded = { version: object.version, rle: this.#encoded(object) };
    }
    return object.coded.rle;
  }

  #encoded({ pixels, box, area }) {
    return encode(pixels, this.height, this.width, masks.overlap(box, area), area);
  }

  isBlank(object) {
    return masks.isBlank(object.pixels, object.stride, object.local(object.box));
  }

  /** The masks as the server takes them; objects without pixels are left out. */
  masks() {
    const kept = this.objects.filter((object) => !this.isBlank(object));
    return kept.map((o) => ({
      track_id: o.track, category_id: o.category, rle: this.rleOf(o), ...(o.attributes.length && { attributes: o.attributes }),
    }));
  }

  /** Whether the object differs from what was shown. */
  isChanged(object) {
    const before = this.shown.find((m) => m.track_id === object.track && !object.ignored);
    return before?.category_id !== object.category || before.rle.counts !== this.rleOf(object).counts;
  }

  /** What the person did: "absent" where nothing is, "accept" where it is what was shown, else "mask". */
  kind() {
    const text = (all) => all.map((m) => `${m.track_id} ${m.category_id} ${m.rle.counts}`).sort().join("\n");
    const now = this.masks();
    if (!now.length) return "absent";
    return text(now) === text(this.shown) ? "accept" : "mask";
  }

  /** Whether nothing was shown and nothing is drawn: objects without pixels were meant to be, and no mask came of them. */
  get untouched() {
    return !this.shown.length && this.objects.every((object) => this.isBlank(object));
  }

  areaOf(object) {
    return masks.countSet(object.pixels, object.stride, object.local(object.box));
  }

  /** The smallest visible object at a pixel, or null. */
  at(x, y) {
    const hit = this.objects.filter((o) => o.visible && this.covers(o, [x, y]));
    return hit.sort((a, b) => this.areaOf(a) - this.areaOf(b))[0] ?? null;
  }

  /** Whether an object's mask covers a point. */
  covers({ area, pixels, stride }, [x, y]) {
    const inside = x >= area.x0 && y >= area.y0 && x < area.x1 && y < area.y1;
    return inside && pixels[(Math.floor(y) - area.y0) * stride + Math.floor(x) - area.x0] === 1;
  }

  /** Whether a pixel of an object is no further than reach from a point. */
  isNear({ area, pixels, stride }, [x, y], reach) {
    return masks.isNear(pixels, stride, area.y1 - area.y0, [x - area.x0, y - area.y0], reach);
  }

  get numbers() {
    return [...this.objects.map((o) => o.track), ...this.shown.map((m) => m.track_id)];
  }

  /** A point inside an object's mask, in the middle of its longest run of pixels in a middle row; null without any. */
  anchorOf(object) {
    if (object.anchor?.version === object.version) return object.anchor.point;
    const box = object.local(object.bounds), { x0, y0 } = object.area;
    const [x, y] = masks.middle(object.pixels, object.stride, box);
    const point = masks.isEmpty(box) ? null : [x0 + x, y0 + y];
    object.anchor = { version: object.version, point };
    return point;
  }

  freeTrack(taken = []) {
    return Math.max(0, ...taken, ...this.numbers) + 1;
  }

  // ---- choosing

  select(object) {
    if (this.selected === object) return;
    const rect = masks.union(this.selected?.box ?? masks.NOWHERE, object?.box ?? masks.NOWHERE);
    this.selected = object;
    this.dispatchEvent(new CustomEvent("select", { detail: { rect } }));
  }

  selectNext(step, order = this.objects) {
    const at = order.indexOf(this.selected), n = order.length;
    if (n) this.select(order[at < 0 ? 0 : (at + step + n) % n]);
  }

  setVisible(object, visible) {
    object.visible = visible;
    this.#tell(object.box);
  }

  /** Accept the selected mask and go to the next that is not accepted; false when none is left. */
  acceptSelected(order = this.objects) {
    if (this.selected) this.selected.accepted = true;
    const at = order.indexOf(this.selected), others = this.objects.filter((o) => !order.includes(o));
    const next = [...order.slice(at + 1), ...order.slice(0, at + 1), ...others].find((o) => !o.accepted);
    if (next) this.select(next);
    this.#tell(masks.NOWHERE);
    return Boolean(next);
  }

  // ---- drawing

  /** Begin a stroke on the selected object; strokes end with finish() or drop(). */
  begin() {
    const object = this.selected;
    this.stroke = { object, before: object.expand().slice(), box: object.box, rect: masks.NOWHERE };
  }

  /** Draw with draw(mask), which gives the rectangle it changed. */
  draw(draw) {
    const { object } = this.stroke;
    const rect = masks.overlap(draw(object.pixels), this.everything);
    if (masks.isEmpty(rect)) return;
    object.box = masks.union(object.box, rect);
    object.version++;
    this.stroke.rect = masks.union(this.stroke.rect, rect);
    this.#tell(rect, true);
  }

  /**
   * End a stroke; false when it changed nothing. With cutting, pixels that it added are taken from the other objects.
   * What else belongs to the step of the history is given in more.
   */
  finish(label, cutting = false, more = {}) {
    const { object, before, rect, box } = this.stroke;
    this.stroke = null;
    if (masks.isEmpty(rect) || masks.isSame(object.pixels, before, this.width, rect)) {
      object.box = box;
      object.compact();
      return false;
    }
    const pieces = [this.#piece(object, before, rect)];
    if (cutting) pieces.push(...this.#cutOthers(object, rect, before));
    object.compact();
    this.#record({ label, ...more, pieces });
    return true;
  }

  /** Take back a stroke that was not finished. */
  drop() {
    if (!this.stroke) return;
    const { object, before, rect, box } = this.stroke;
    this.stroke = null;
    object.pixels.set(before);
    object.version++;
    object.box = box;
    object.compact();
    this.#tell(rect);
  }

  /** Draw on the selected object in one go. */
  apply(label, draw, cutting = false, more = {}) {
    this.begin();
    this.draw(draw);
    return this.finish(label, cutting, more);
  }

  /** Replace an object's mask; false when it is the same. */
  replace(label, object, rle, cutting = false, more = {}) {
    const { mask, box } = decode(rle);
    this.select(object);
    return this.apply(label, (old) => (old.set(mask), masks.union(box, object.box)), cutting, more);
  }

  fillHoles() {
    const { selected, width, height } = this;
    return this.apply("fill holes", (mask) => masks.fillHoles(mask, width, height, selected.box));
  }

  /** Take the pixels of the selected object from all others. */
  cutFromOthers() {
    const object = this.selected, blank = new Uint8Array(this.width * this.height);
    object.expand();
    const pieces = this.#cutOthers(object, object.box, blank);
    object.compact();
    if (pieces.length) this.#record({ label: "cut out of the others", pieces });
    return pieces.length > 0;
  }

  /** Add an object; one that is made for a gesture comes and goes with it. */
  add({ track_id, category_id, rle = null, provenance = null }, forGesture = false) {
    const object = new DrawnObject(this.height, this.width, { track_id, category_id, rle, provenance });
    this.#changeList("new object", [...this.objects, object], object, { made: forGesture && object });
    return object;
  }

  /** Forget an object that was made for a gesture of which nothing came; it never was. */
  discardBlank(object) {
    if (!object || this.done.at(-1)?.made !== object || !this.isBlank(object)) return;
    this.undo();
    this.undone.pop();
  }

  /** Delete objects in one step. */
  remove(...gone) {
    const at = this.objects.indexOf(gone[0]), rest = this.objects.filter((o) => !gone.includes(o));
    this.#changeList("delete", rest, rest[Math.min(at, rest.length - 1)] ?? null);
  }

  /** Change category or track. */
  assign(object, values) {
    const before = Object.fromEntries(Object.keys(values).map((name) => [name, object[name]]));
    Object.assign(object, values, { sure: false });
    object.guessed &&= object.track === (before.track ?? object.track);
    this.#record({ label: "rename", values: [{ object, before, after: values }] });
  }

  /** Change the category of several objects in one step. */
  assignAll(objects, category) {
    const values = objects.filter((object) => object.category !== category).map((object) => ({
      object, before: { category: object.category }, after: { category },
    }));
    for (const { object } of values) Object.assign(object, { category, sure: false });
    if (values.length) this.#record({ label: "rename", values });
  }

  /** Give two objects each other's number and category. */
  swap(one, other) {
    const of = ({ track, category }) => ({ track, category }), values = [
      { object: one, before: of(one), after: of(other) }, { object: other, before: of(other), after: of(one) },
    ];
    for (const { object, after } of values) Object.assign(object, after, { sure: false });
    [one.guessed, other.guessed] = [other.guessed, one.guessed];
    this.#record({ label: "swap", values });
  }

  /** Add another object's pixels to an object; the other one is gone. */
  merge(object, other) {
    const before = object.expand().slice(), rect = other.bounds;
    masks.unite(object.pixels, other.expand(), this.width, rect);
    object.box = masks.union(object.box, rect);
    object.version++;
    const rest = this.objects.filter((o) => o !== other), pieces = [this.#piece(object, before, rect)];
    object.compact();
    other.compact();
    this.#changeList("merge", rest, object, { pieces });
  }

  /** Make an object of the part of a mask that hangs together at a point; null where that is nothing or all of it. */
  split(object, [x, y], { track_id, category_id }) {
    if (!this.covers(object, [x, y])) return null;
    const box = object.bounds, before = object.expand().slice();
    const part = masks.component(before, this.width, box, Math.floor(x), Math.floor(y));
    if (masks.isSame(part, before, this.width, box)) {
      object.compact();
      return null;
    }
    const made = new DrawnObject(this.height, this.width, {
      track_id, category_id, rle: encode(part, this.height, this.width, box),
    });
    masks.subtract(object.pixels, part, this.width, box);
    object.version++;
    const pieces = [this.#piece(object, before, box)];
    object.compact();
    this.#changeList("split", [...this.objects, made], made, { pieces });
    return made;
  }

  // ---- history

  /** Take the last change back; an object that was made for it goes with it. */
  undo() {
    const joined = this.#isFor(this.done.at(-1), this.done.at(-2));
    const label = this.#walk(this.done, this.undone, "before");
    if (joined) this.#walk(this.done, this.undone, "before");
    return label;
  }

  redo() {
    const joined = this.#isFor(this.undone.at(-2), this.undone.at(-1));
    const label = this.#walk(this.undone, this.done, "after");
    return joined ? this.#walk(this.undone, this.done, "after") : label;
  }

  /** Whether the object of a gesture was made for it just before. */
  #isFor(gesture, making) {
    return Boolean(making?.made) && !gesture?.list && gesture?.pieces?.[0].object === making.made;
  }

  #walk(from, to, side) {
    this.drop();
    const entry = from.pop();
    if (!entry) return null;
    let rect = masks.NOWHERE;
    for (const piece of entry.pieces ?? []) {
      masks.paste(piece.object.expand(), this.width, piece.rect, piece[side]);
      piece.object.version++;
      piece.object.box = masks.union(piece.object.box, piece.rect);
      piece.object.compact();
      rect = masks.union(rect, piece.rect);
      this.selected = this.objects.includes(piece.object) ? piece.object : this.selected;
    }
    if (entry.list) {
      this.objects = entry.list[side];
      this.selected = entry.chosen[side];
    }
    for (const change of entry.values ?? []) Object.assign(change.object, change[side], { sure: false });
    entry.takenBack = side === "before";
    to.push(entry);
    this.#tell(entry.pieces && !entry.list ? rect : this.everything);
    this.dispatchEvent(new CustomEvent("select", { detail: { rect: this.everything } }));
    this.dispatchEvent(new CustomEvent("walk", { detail: { entry, side } }));
    return entry.label;
  }

  #record(entry) {
    this.done.push(entry);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
    for (const { object } of [...(entry.pieces ?? []), ...(entry.values ?? [])]) object.accepted = false;
    const rect = (entry.pieces ?? []).reduce((all, p) => masks.union(all, p.rect), masks.NOWHERE);
    this.#tell(entry.pieces && !entry.list ? rect : this.everything);
  }

  #changeList(label, objects, chosen, more = {}) {
    const entry = {
      label, ...more, list: { before: this.objects, after: objects }, chosen: { before: this.selected, after: chosen },
    };
    this.objects = objects;
    this.selected = chosen;
    this.#record(entry);
    this.dispatchEvent(new CustomEvent("select", { detail: { rect: this.everything } }));
  }

  #piece(object, before, rect) {
    return {
      object, rect, before: masks.cut(before, this.width, rect), after: masks.cut(object.pixels, this.width, rect),
    };
  }

  /** Take from the others what an object has and had not before; the object keeps the whole frame meanwhile. */
  #cutOthers(object, rect, before) {
    const added = new Uint8Array(object.pixels.length);
    for (let y = rect.y0; y < rect.y1; y++) {
      for (let i = y * this.width + rect.x0, end = y * this.width + rect.x1; i < end; i++) {
        added[i] = object.pixels[i] & (before[i] ^ 1);
      }
    }
    const pieces = [];
    for (const other of this.objects.filter((o) => o !== object)) {
      const shared = masks.overlap(rect, other.box);
      if (masks.isEmpty(shared)) continue;
      const old = other.expand().slice();
      masks.subtract(other.pixels, added, this.width, shared);
      if (!masks.isSame(old, other.pixels, this.width, shared)) {
        other.version++;
        pieces.push(this.#piece(other, old, shared));
      }
      other.compact();
    }
    return pieces;
  }

  #tell(rect, unfinished = false) {
    this.dispatchEvent(new CustomEvent("change", { detail: { rect, unfinished } }));
  }
}
