// Geometry on masks. A mask is a Uint8Array of 0 and 1 at the size of the frame, row by row, so no pixel is ever half
// set. A rectangle {x0, y0, x1, y1} excludes its ends; every drawing function gives the rectangle it may have changed.

export const NOWHERE = Object.freeze({ x0: 0, y0: 0, x1: 0, y1: 0 });

export const isEmpty = (rect) => rect.x1 <= rect.x0 || rect.y1 <= rect.y0;

export function union(a, b) {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  return {
    x0: Math.min(a.x0, b.x0), y0: Math.min(a.y0, b.y0), x1: Math.max(a.x1, b.x1), y1: Math.max(a.y1, b.y1),
  };
}

export function overlap(a, b) {
  return {
    x0: Math.max(a.x0, b.x0), y0: Math.max(a.y0, b.y0), x1: Math.min(a.x1, b.x1), y1: Math.min(a.y1, b.y1),
  };
}

/** A rectangle somewhere else. */
export function moved(rect, dx, dy) {
  return { x0: rect.x0 + dx, y0: rect.y0 + dy, x1: rect.x1 + dx, y1: rect.y1 + dy };
}

/** The smallest rectangle of whole pixels around points, grown by a margin and cut at the frame. */
export function around(points, margin, width, height) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  return {
    x0: Math.max(0, Math.floor(Math.min(...xs) - margin)), y0: Math.max(0, Math.floor(Math.min(...ys) - margin)),
    x1: Math.min(width, Math.ceil(Math.max(...xs) + margin)), y1: Math.min(height, Math.ceil(Math.max(...ys) + margin)),
  };
}

/** Set every pixel whose centre is no further than radius from the line a-b. */
export function capsule(mask, width, height, a, b, radius, value) {
  const rect = around([a, b], radius + 1, width, height);
  const dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy, limit = radius * radius;
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let x = rect.x0; x < rect.x1; x++) {
      const px = x + 0.5 - a[0], py = y + 0.5 - a[1];
      const along = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
      const qx = px - along * dx, qy = py - along * dy;
      if (qx * qx + qy * qy <= limit) mask[y * width + x] = value;
    }
  }
  return rect;
}

/** Set every pixel whose centre lies inside the polygon, by the even-odd rule. */
export function polygon(mask, width, height, points, value) {
  const rect = around(points, 0, width, height);
  for (let y = rect.y0; y < rect.y1; y++) {
    const crossings = [];
    points.forEach(([x1, y1], i) => {
      const [x2, y2] = points[(i + 1) % points.length];
      if (y1 > y + 0.5 !== y2 > y + 0.5) crossings.push(x1 + ((y + 0.5 - y1) * (x2 - x1)) / (y2 - y1));
    });
    crossings.sort((p, q) => p - q);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const first = Math.max(0, Math.ceil(crossings[k] - 0.5));
      const end = Math.min(width, Math.ceil(crossings[k + 1] - 0.5));
      if (end > first) mask.fill(value, y * width + first, y * width + end);
    }
  }
  return rect;
}

/** Set what the mask encloses. Nothing is set outside of box. */
export function fillHoles(mask, width, height, box) {
  if (isEmpty(box)) return NOWHERE;
  const w = box.x1 - box.x0 + 2, h = box.y1 - box.y0 + 2;
  const outside = new Uint8Array(w * h), open = [0];
  outside[0] = 1;
  const set = (x, y) => x > 0 && y > 0 && x < w - 1 && y < h - 1 && mask[(y - 1 + box.y0) * width + x - 1 + box.x0];
  const reach = (x, y) => {
    if (x < 0 || y < 0 || x >= w || y >= h || outside[y * w + x] || set(x, y)) return;
    outside[y * w + x] = 1;
    open.push(y * w + x);
  };
  while (open.length) {
    const place = open.pop(), x = place % w, y = (place - x) / w;
    reach(x - 1, y);
    reach(x + 1, y);
    reach(x, y - 1);
    reach(x, y + 1);
  }
  for (let y = 1; y < h - 1; y++) {
    for (let x = 1; x < w - 1; x++) {
      if (!outside[y * w + x]) mask[(y - 1 + box.y0) * width + x - 1 + box.x0] = 1;
    }
  }
  return box;
}

/** Unset in mask what is set in other, within a rectangle. */
export function subtract(mask, other, width, rect) {
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let i = y * width + rect.x0, end = y * width + rect.x1; i < end; i++) if (other[i]) mask[i] = 0;
  }
  return rect;
}

/** Set in mask what is set in other, within a rectangle. */
export function unite(mask, other, width, rect) {
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let i = y * width + rect.x0, end = y * width + rect.x1; i < end; i++) if (other[i]) mask[i] = 1;
  }
  return rect;
}

/** The part of a mask within box that hangs together with a pixel, by edges or corners; nothing where it is not set. */
export function component(mask, width, box, x, y) {
  const found = new Uint8Array(mask.length), open = [];
  const reach = (px, py) => {
    const place = py * width + px;
    if (px < box.x0 || py < box.y0 || px >= box.x1 || py >= box.y1 || !mask[place] || found[place]) return;
    found[place] = 1;
    open.push(place);
  };
  reach(x, y);
  while (open.length) {
    const place = open.pop(), px = place % width, py = (place - px) / width;
    for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) reach(px + dx, py + dy);
  }
  return found;
}

/** The middle of the longest run of set pixels in a row near the middle of a tight box, as a point of the image. */
export function middle(mask, width, { x0, y0, x1, y1 }) {
  let best = { length: 0, x: x0, y: y0 };
  const rows = [0.5, 0.35, 0.65, 0.2, 0.8].map((share) => Math.floor(y0 + share * (y1 - y0)));
  for (const y of [...rows, y0]) {
    for (let x = x0, start = -1; x <= x1; x++) {
      const set = x < x1 && mask[y * width + x];
      if (set && start < 0) start = x;
      if (!set && start >= 0) {
        if (x - start > best.length) best = { length: x - start, x: (start + x) / 2, y: y + 0.5 };
        start = -1;
      }
    }
  }
  return [best.x, best.y];
}

export function isSame(a, b, width, rect) {
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let i = y * width + rect.x0, end = y * width + rect.x1; i < end; i++) if (a[i] !== b[i]) return false;
  }
  return true;
}

export function isBlank(mask, width, rect) {
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let i = y * width + rect.x0, end = y * width + rect.x1; i < end; i++) if (mask[i]) return false;
  }
  return true;
}

export function countSet(mask, width, rect) {
  let count = 0;
  for (let y = rect.y0; y < rect.y1; y++) {
    for (let i = y * width + rect.x0, end = y * width + rect.x1; i < end; i++) count += mask[i];
  }
  return count;
}

/** Whether a set pixel's centre is no further than reach from a point. */
export function isNear(mask, width, height, [x, y], reach) {
  const rect = around([[x, y]], reach + 1, width, height), limit = reach * reach;
  for (let row = rect.y0; row < rect.y1; row++) {
    for (let column = rect.x0; column < rect.x1; column++) {
      const dx = column + 0.5 - x, dy = row + 0.5 - y;
      if (mask[row * width + column] && dx * dx + dy * dy <= limit) return true;
    }
  }
  return false;
}

/** The smallest rectangle around what is set within a rectangle. */
export function bounds(mask, width, rect) {
  let found = NOWHERE;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = mask.subarray(y * width + rect.x0, y * width + rect.x1), first = row.indexOf(1);
    const last = row.lastIndexOf(1) + 1;
    if (first >= 0) found = union(found, { x0: rect.x0 + first, y0: y, x1: rect.x0 + last, y1: y + 1 });
  }
  return found;
}

/** What two rectangles share, of what they cover together: 0 to 1. */
export function sharedPart(a, b) {
  const area = (r) => (isEmpty(r) ? 0 : (r.x1 - r.x0) * (r.y1 - r.y0)), shared = area(overlap(a, b));
  return shared / Math.max(1, area(a) + area(b) - shared);
}

/** A copy of the pixels of a rectangle. */
export function cut(mask, width, rect) {
  const w = rect.x1 - rect.x0, piece = new Uint8Array(w * (rect.y1 - rect.y0));
  for (let y = rect.y0, k = 0; y < rect.y1; y++, k += w) {
    piece.set(mask.subarray(y * width + rect.x0, y * width + rect.x1), k);
  }
  return piece;
}

/** Put the pixels of a rectangle back. */
export function paste(mask, width, rect, piece) {
  const w = rect.x1 - rect.x0;
  for (let y = rect.y0, k = 0; y < rect.y1; y++, k += w) mask.set(piece.subarray(k, k + w), y * width + rect.x0);
}

/** The border between set and unset pixels as a path along pixel edges. */
export function outline(mask, width, box) {
  const path = new Path2D(), { x0, y0, x1, y1 } = box;
  const began = new Int32Array(x1 - x0 + 1).fill(-1);
  const at = (x, y) => (x < x0 || y < y0 || x >= x1 || y >= y1 ? 0 : mask[y * width + x]);
  for (let y = y0; y <= y1; y++) {
    let start = -1;
    for (let x = x0; x <= x1; x++) {
      const here = at(x, y);
      const level = here !== at(x, y - 1), upright = here !== at(x - 1, y), column = x - x0;
      if (level && start < 0) start = x;
      if (!level && start >= 0) {
        path.moveTo(start, y);
        path.lineTo(x, y);
        start = -1;
      }
      if (upright && began[column] < 0) began[column] = y;
      if (!upright && began[column] >= 0) {
        path.moveTo(x, began[column]);
        path.lineTo(x, y);
        began[column] = -1;
      }
    }
  }
  return path;
}
