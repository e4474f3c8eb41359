// COCO's compressed run-length code. Runs go down the columns of the frame, zeros first; a run is written as base-32
// digits, least first, of its difference from the run before the last. The text is that of pycocotools.

/** Run lengths of a compressed code. */
export function runsOf(text) {
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0, shift = 0, digit;
    do {
      digit = text.charCodeAt(at++) - 48;
      if (!(digit >= 0 && digit < 64) || shift > 30) throw new Error("a run-length code is damaged");
      value |= (digit & 31) << shift;
      shift += 5;
    } while (digit & 32);
    if (digit & 16 && shift < 32) value |= -1 << shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** Compressed code of run lengths. */
export function textOf(runs) {
  const letters = [];
  runs.forEach((run, i) => {
    let value = i > 2 ? run - runs[i - 2] : run;
    for (let more = true; more; ) {
      const digit = value & 31;
      value >>= 5;
      more = digit & 16 ? value !== -1 : value !== 0;
      letters.push(String.fromCharCode((more ? digit | 32 : digit) + 48));
    }
  });
  return letters.join("");
}

/** Call visit(x, y0, y1) for every vertical piece of set pixels, y1 excluded. */
export function eachPiece(rle, visit) {
  const [height, width] = rle.size;
  let at = 0, set = false;
  for (const run of runsOf(rle.counts)) {
    const end = at + run;
    if (run < 0 || end > height * width) throw new Error("a run-length code does not fit its frame");
    for (let p = at; set && p < end; ) {
      const x = Math.floor(p / height), stop = Math.min(end, (x + 1) * height);
      visit(x, p - x * height, stop - x * height);
      p = stop;
    }
    at = end;
    set = !set;
  }
  if (at !== height * width) throw new Error(`a run-length code has ${at} pixels, its frame ${height * width}`);
}

/** The mask (Uint8Array of 0 and 1, row by row) and the box of its set pixels. */
export function decode(rle) {
  const [height, width] = rle.size;
  const mask = new Uint8Array(height * width);
  const box = { x0: width, y0: height, x1: 0, y1: 0 };
  eachPiece(rle, (x, y0, y1) => {
    for (let i = y0 * width + x, end = y1 * width + x; i < end; i += width) mask[i] = 1;
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x + 1);
    box.y0 = Math.min(box.y0, y0);
    box.y1 = Math.max(box.y1, y1);
  });
  return { mask, box: box.x1 > box.x0 ? box : { x0: 0, y0: 0, x1: 0, y1: 0 } };
}

/** The box of the set pixels, and the pixels in it alone (Uint8Array of 0 and 1, row by row). */
export function decodeBox(rle) {
  const pieces = [], box = { x0: rle.size[1], y0: rle.size[0], x1: 0, y1: 0 };
  eachPiece(rle, (x, y0, y1) => {
    pieces.push([x, y0, y1]);
    Object.assign(box, { x0: Math.min(box.x0, x), x1: Math.max(box.x1, x + 1) });
    Object.assign(box, { y0: Math.min(box.y0, y0), y1: Math.max(box.y1, y1) });
  });
  if (!pieces.length) return { pixels: new Uint8Array(0), box: { x0: 0, y0: 0, x1: 0, y1: 0 } };
  const w = box.x1 - box.x0, pixels = new Uint8Array(w * (box.y1 - box.y0));
  for (const [x, y0, y1] of pieces) {
    for (let y = y0 - box.y0, i = y * w + x - box.x0; y < y1 - box.y0; y++, i += w) pixels[i] = 1;
  }
  return { pixels, box };
}

/** The code of a mask of which the pixels of an area are given; nothing is set outside of box, a part of the area. */
export function encode(mask, height, width, box = { x0: 0, y0: 0, x1: width, y1: height }, area = null) {
  const runs = [], { x0, y0, x1 } = area ?? { x0: 0, y0: 0, x1: width }, w = x1 - x0;
  let began = 0, value = 0;
  const turn = (place) => {
    runs.push(place - began);
    began = place;
    value ^= 1;
  };
  for (let x = box.x0; x < box.x1; x++) {
    const top = x * height + box.y0;
    for (let y = box.y0, i = (y - y0) * w + x - x0; y < box.y1; y++, i += w) {
      if (mask[i] !== value) turn(x * height + y);
    }
    if (value && box.y1 - box.y0 < height) turn(top + box.y1 - box.y0);
  }
  // A column that is set down to the frame's edge ends where the box does.
  if (value && box.x1 < width) turn(box.x1 * height);
  if (began < height * width) runs.push(height * width - began);
  return { size: [height, width], counts: textOf(runs) };
}
