// The frame on the screen: zoom, pan, and the layers above it. Lengths are CSS pixels unless they say "image".

import * as masks from "./masks.js";
import { eachPiece } from "./rle.js";

const LEAST_SCALE = 0.05, MOST_SCALE = 60, MARGIN = 16;

/** "#rrggbb" as a pixel of ImageData's buffer. */
function pixel(colour) {
  const value = parseInt(colour.slice(1), 16);
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

// Where colours repeat, stripes tell objects apart: none in the first round of colours, then one way, then the other.
const STRIPES = [null, (x, y) => (x + y) % 9 < 3, (x, y) => (x + 8 * y) % 9 < 3, (x, y) => x % 6 < 2 || y % 6 < 2];

/** Filled masks of one frame on a canvas of the frame's size. */
export class MaskLayer {
  constructor(height, width, colourOf, patternOf = () => 0) {
    Object.assign(this, { colourOf, patternOf });
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.outlines = new WeakMap();
  }

  /** Paint a rectangle anew; the selected object comes last, so that it lies on top. */
  paint(rect, objects, selected) {
    const box = masks.overlap(rect, { x0: 0, y0: 0, x1: this.canvas.width, y1: this.canvas.height });
    if (masks.isEmpty(box)) return;
    const w = box.x1 - box.x0, image = this.context.createImageData(w, box.y1 - box.y0);
    const pixels = new Uint32Array(image.data.buffer);
    const order = objects.filter((o) => o !== selected).concat(objects.includes(selected) ? [selected] : []);
    for (const object of order.filter((o) => o.visible)) {
      const { area, pixels: set, stride } = object, colour = pixel(this.colourOf(object.track));
      const part = masks.overlap(masks.overlap(box, object.box), area);
      const bare = STRIPES[this.patternOf(object.track) % STRIPES.length];
      for (let y = part.y0; y < part.y1; y++) {
        const from = (y - area.y0) * stride - area.x0, to = (y - box.y0) * w - box.x0;
        for (let x = part.x0; x < part.x1; x++) if (set[from + x] && !bare?.(x, y)) pixels[to + x] = colour;
      }
    }
    this.context.putImageData(image, box.x0, box.y0);
  }

  /** Paint masks that are only looked at, straight from their codes. */
  paintCodes(coded) {
    const { width, height } = this.canvas, image = this.context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (const { rle, track_id } of coded) {
      const colour = pixel(this.colourOf(track_id)), bare = STRIPES[this.patternOf(track_id) % STRIPES.length];
      eachPiece(rle, (x, y0, y1) => {
        for (let y = y0; y < y1; y++) if (!bare?.(x, y)) pixels[y * width + x] = colour;
      });
    }
    this.context.putImageData(image, 0, 0);
  }

  outlineOf(object) {
    const known = this.outlines.get(object);
    if (known?.version === object.version && known.box === object.box) return known.path;
    const path = new Path2D(), { x0, y0 } = object.area;
    path.addPath(masks.outline(object.pixels, object.stride, object.local(object.box)), { e: x0, f: y0 });
    this.outlines.set(object, { version: object.version, box: object.box, path });
    return path;
  }

  drawOutlines(context, scale, objects, selected) {
    context.lineCap = "square";
    for (const object of objects.filter((o) => o.visible && !masks.isEmpty(o.box))) {
      const path = this.outlineOf(object), chosen = object === selected;
      if (chosen) {
        context.strokeStyle = "#ffffff";
        context.lineWidth = 4.5 / scale;
        context.stroke(path);
      }
      context.strokeStyle = this.colourOf(object.track);
      context.lineWidth = (chosen ? 2.2 : 1.4) / scale;
      context.stroke(path);
    }
  }
}

/** Shows a picture below and whatever drawOver(context, scale) draws above it, both in image coordinates. */
export class View {
  constructor(stage, picture, overlay, drawOver) {
    Object.assign(this, { stage, picture, overlay, drawOver, image: null, width: 1, height: 1 });
    Object.assign(this, { scale: 1, x: 0, y: 0, fitted: true, waiting: 0 });
    new ResizeObserver(() => this.#resize()).observe(stage);
    this.#resize();
  }

  /** Take a frame of another size; it is shown whole. */
  open(width, height) {
    Object.assign(this, { width, height, image: null });
    this.fit();
  }

  show(image) {
    this.image = image;
    this.redraw();
  }

  toImage(event) {
    const edge = this.stage.getBoundingClientRect();
    return [(event.clientX - edge.left - this.x) / this.scale, (event.clientY - edge.top - this.y) / this.scale];
  }

  /** Where an image point is on the page, as events have it. */
  toPage([x, y]) {
    const edge = this.stage.getBoundingClientRect();
    return [edge.left + this.x + x * this.scale, edge.top + this.y + y * this.scale];
  }

  fit() {
    const w = this.stage.clientWidth - 2 * MARGIN, h = this.stage.clientHeight - 2 * MARGIN;
    this.scale = Math.max(LEAST_SCALE, Math.min(w / this.width, h / this.height));
    this.x = (this.stage.clientWidth - this.width * this.scale) / 2;
    this.y = (this.stage.clientHeight - this.height * this.scale) / 2;
    this.fitted = true;
    this.redraw();
  }

  /** Zoom by a factor so that a point of the stage stays where it is; without a point, the middle. */
  zoom(factor, at = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    const scale = Math.max(LEAST_SCALE, Math.min(MOST_SCALE, this.scale * factor)), f = scale / this.scale;
    this.x = at[0] - (at[0] - this.x) * f;
    this.y = at[1] - (at[1] - this.y) * f;
    this.scale = scale;
    this.fitted = false;
    this.redraw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.redraw();
  }

  /** Bring a rectangle of the image into view, with room around it. */
  zoomTo(rect) {
    if (masks.isEmpty(rect)) return;
    const w = rect.x1 - rect.x0, h = rect.y1 - rect.y0, { clientWidth, clientHeight } = this.stage;
    this.scale = Math.max(LEAST_SCALE, Math.min(12, clientWidth / (w * 1.6 + 8), clientHeight / (h * 1.6 + 8)));
    this.x = clientWidth / 2 - ((rect.x0 + rect.x1) / 2) * this.scale;
    this.y = clientHeight / 2 - ((rect.y0 + rect.y1) / 2) * this.scale;
    this.fitted = false;
    this.redraw();
  }

  /** Write words at points of the image, in CSS pixels whatever the zoom; words are [text, point, colour]. */
  write(context, words) {
    const ratio = devicePixelRatio;
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    Object.assign(context, { font: "600 12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
    for (const [text, [x, y], colour] of words) {
      const at = [this.x + x * this.scale, this.y + y * this.scale], half = context.measureText(text).width / 2 + 4;
      context.fillStyle = "rgb(0 0 0 / 70%)";
      context.fillRect(at[0] - half, at[1] - 8, 2 * half, 16);
      context.fillStyle = colour;
      context.fillText(text, ...at);
    }
    context.restore();
  }

  redraw() {
    this.stale = true;
    this.redrawOverlay();
  }

  redrawOverlay() {
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      if (this.stale) this.#drawPicture();
      this.stale = false;
      const context = this.#cleared(this.overlay);
      context.imageSmoothingEnabled = this.scale < 2;
      this.drawOver(context, this.scale);
    });
  }

  #drawPicture() {
    const context = this.#cleared(this.picture);
    context.imageSmoothingEnabled = this.scale < 3;
    context.imageSmoothingQuality = "high";
    if (this.image) context.drawImage(this.image, 0, 0, this.width, this.height);
  }

  #cleared(canvas) {
    const context = canvas.getContext("2d"), ratio = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(this.scale * ratio, 0, 0, this.scale * ratio, this.x * ratio, this.y * ratio);
    return context;
  }

  #resize() {
    for (const canvas of [this.picture, this.overlay]) {
      canvas.width = Math.round(this.stage.clientWidth * devicePixelRatio);
      canvas.height = Math.round(this.stage.clientHeight * devicePixelRatio);
    }
    if (this.fitted) this.fit();
    else this.redraw();
  }
}
