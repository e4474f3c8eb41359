// What the last gesture changed of a mask, to be seen until the next one: what came is drawn whole, what went dashed.

import * as masks from "./masks.js";

const CAME = "#37f0b0", WENT = "#ff7a86";
const HALO = "rgb(0 0 0 / 75%)";

/** Where one mask is set and the other is not. */
const only = (one, other) => one.map((value, i) => value & (other[i] ^ 1));

export class ShownChange {
  /** entry is the step of the drawing's history that the gesture made. */
  constructor(drawing, entry) {
    const [{ rect, before, after }] = entry.pieces, width = rect.x1 - rect.x0;
    const box = { x0: 0, y0: 0, x1: width, y1: rect.y1 - rect.y0 };
    const [came, went] = [only(after, before), only(before, after)];
    const pathOf = (mask) => {
      const path = new Path2D();
      path.addPath(masks.outline(mask, width, box), { e: rect.x0, f: rect.y0 });
      return path;
    };
    Object.assign(this, { drawing, entry, parts: [[pathOf(came), CAME, []], [pathOf(went), WENT, [5, 4]]] });
    Object.assign(this, { came: masks.countSet(came, width, box), went: masks.countSet(went, width, box) });
  }

  /** Whether the gesture is still the last thing that was done. */
  get holds() {
    return this.drawing.done.at(-1) === this.entry;
  }

  drawOver(context, scale) {
    for (const [path, colour, dashes] of this.parts) {
      context.setLineDash(dashes.map((length) => length / scale));
      for (const [stroke, width] of [[HALO, 4], [colour, 2]]) {
        context.strokeStyle = stroke;
        context.lineWidth = width / scale;
        context.stroke(path);
      }
    }
    context.setLineDash([]);
  }
}
