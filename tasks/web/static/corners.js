// The corners of a polygon that was drawn: each can still be moved, new ones come where an edge is pulled. They belong
// to the step of the drawing's history that drew the polygon, so that undo and redo bring them along.

import * as masks from "./masks.js";
import { decode } from "./rle.js";

const NEAR = 9, BESIDE = 6; // CSS pixels, to a corner and to an edge
const LEAST = 3;


export class Corners {
  /** base is the code of the object's mask without the polygon; minus says whether the polygon takes away from it. */
  constructor(object, points, minus, base) {
    Object.assign(this, { object, points, minus, base });
  }

  /** The same polygon with other corners. */
  with(points) {
    return new Corners(this.object, points, this.minus, this.base);
  }

  /** Draw the polygon on a mask of the whole frame; gives the rectangle that may have changed. */
  drawOn(mask, width, height) {
    const { mask: old, box } = decode(this.base), before = this.object.box;
    mask.set(old);
    const rect = masks.polygon(mask, width, height, this.points, this.minus ? 0 : 1);
    return masks.union(masks.union(box, before), rect);
  }

  /** The number of the corner near a point, or null. */
  near(point, scale) {
    const far = this.points.map((p) => Math.hypot(p[0] - point[0], p[1] - point[1]) * scale);
    const least = Math.min(...far);
    return least <= NEAR ? far.indexOf(least) : null;
  }

  /** The corners and the one to pull, where a point is on a corner or an edge; null where it is on none. */
  grip(point, scale) {
    const index = this.near(point, scale);
    if (index !== null) return { points: [...this.points], index };
    const { length } = this.points;
    const edges = this.points.map((p, i) => this.#distance(point, p, this.points[(i + 1) % length]) * scale);
    const edge = edges.indexOf(Math.min(...edges));
    if (edges[edge] > BESIDE) return null;
    return { points: this.points.toSpliced(edge + 1, 0, point), index: edge + 1 };
  }

  /** The corners without the one near a point; null where there is none, or too few would be left. */
  without(point, scale) {
    const index = this.near(point, scale);
    return index === null || this.points.length <= LEAST ? null : this.points.toSpliced(index, 1);
  }

  #distance([x, y], [ax, ay], [bx, by]) {
    const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    const along = length ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    return Math.hypot(x - ax - along * dx, y - ay - along * dy);
  }
}
