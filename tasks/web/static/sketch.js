// The coarse mask of a gesture, seen until the better one is there. It is no part of the drawing, and is never sent.

import * as masks from "./masks.js";
import { decodeBox } from "./rle.js";

const FILL = 0.35, HALO = "rgb(0 0 0 / 60%)";

/** The newest gesture of a question, on the mask as it is now; null where only the better mask is asked for. */
function newestOf(question, present) {
  if (question.box) return { ...question, rle: present };
  const { clicks = [], own } = question;
  return clicks.length ? { ...question, rle: present, own: own || clicks.length > 1, clicks: clicks.slice(-1) } : null;
}

/** The pixels of a mask as an area to be filled, row by row. */
function insideOf(pixels, { x0, y0, x1, y1 }) {
  const inside = new Path2D(), width = x1 - x0;
  for (let y = 0; y < y1 - y0; y++) {
    for (let x = 0, start; x < width; x++) {
      if (!pixels[y * width + x]) continue;
      for (start = x; x < width && pixels[y * width + x]; ) x++;
      inside.rect(x0 + start, y0 + y, x - start, 1);
    }
  }
  return inside;
}

export class Sketch {
  /** ask(question) gives an RLE or null. */
  constructor(view, colourOf, ask) {
    Object.assign(this, { view, colourOf, ask, shown: null, number: 0 });
  }

  /** Show what the newest gesture of a question comes to, coarsely; present is the object's mask as it is now. */
  async show(object, question, present) {
    const coarse = newestOf(question, present);
    if (!coarse) return;
    const number = ++this.number;
    const rle = await this.ask({ ...coarse, coarse: true }).catch(() => null);
    if (!rle || number !== this.number) return;
    const { pixels, box } = decodeBox(rle), line = new Path2D(), width = box.x1 - box.x0, height = box.y1 - box.y0;
    line.addPath(masks.outline(pixels, width, { x0: 0, y0: 0, x1: width, y1: height }), { e: box.x0, f: box.y0 });
    this.shown = { line, inside: insideOf(pixels, box), colour: this.colourOf(object.track) };
    this.view.redrawOverlay();
  }

  drop() {
    this.number++;
    this.shown = null;
    this.view.redrawOverlay();
  }

  drawOver(context, scale) {
    if (!this.shown) return;
    const { line, inside, colour } = this.shown;
    context.globalAlpha = FILL;
    context.fillStyle = colour;
    context.fill(inside);
    context.globalAlpha = 1;
    context.setLineDash([6 / scale, 4 / scale]);
    for (const [stroke, width] of [[HALO, 3.5], [colour, 2]]) {
      context.strokeStyle = stroke;
      context.lineWidth = width / scale;
      context.stroke(line);
    }
    context.setLineDash([]);
  }
}
