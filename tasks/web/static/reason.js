// Why the frame was chosen: where to look, in one sentence and by an arrow on the picture; and how it was chosen.

import { element } from "./elements.js";
import { decimal, heard, t } from "./words.js";

const CELLS = 48, LEAST_DOUBT = 24; // of the map of doubt: places across, and opacity of 255 from which one counts
const SURE = 0.9;
const FOUND = "What was found is outlined: nobody has labelled here yet. Accept it, correct it, or delete what is no object.";
const FAR = 64, TIP = 8, HEAD = 13; // CSS pixels of the arrow

/** The place that a picture of doubt shows strongest, as a point of the image; null where it shows none. */
export function strongest(heat, width, height) {
  const rows = Math.max(1, Math.round((CELLS * height) / width)), canvas = new OffscreenCanvas(CELLS, rows);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, 0, 0, CELLS, rows);
  const { data } = context.getImageData(0, 0, CELLS, rows);
  let best = 0;
  for (let cell = 1; cell < CELLS * rows; cell++) if (data[4 * cell + 3] > data[4 * best + 3]) best = cell;
  if (data[4 * best + 3] < LEAST_DOUBT) return null;
  return [(((best % CELLS) + 0.5) * width) / CELLS, ((Math.floor(best / CELLS) + 0.5) * height) / rows];
}

/** What somebody should know of a frame beside its reason, as sentences. */
function notesOf(task) {
  const notes = [];
  if (task.control) notes.push(t("Drawn at random, to measure what choosing frames gains."));
  if (task.blind) notes.push(t("No masks are shown here on purpose: draw what you see."));
  if (task.kind === "accept") notes.push(t("A look is enough here: accept the masks, or correct them."));
  for (const { who, how, reason } of task.set_aside ?? []) {
    const why = reason || t("no reason given"), did = how === "flag" ? "{who} flagged it: {why}" : "{who} skipped it: {why}";
    notes.push(who ? t(did, { who, why }) : t("Everybody skipped it."));
  }
  return notes;
}

export class Reason {
  /** root is the part of the page; words names the parts of the uncertainty; redraw() draws the picture anew. */
  constructor(root, words, redraw) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    Object.assign(this, { words, redraw, look: part("look"), reason: part("reason"), notes: part("notes") });
    Object.assign(this, { how: root.querySelector("details"), bars: part("bars"), point: null, shown: false });
  }

  /** Take a frame. Before the map of doubt is there, the mask that the model is least sure of is where to look. */
  open(task, drawing, nameOf) {
    Object.assign(this, { task, drawing, nameOf, point: null, begun: false });
    this.notes.replaceChildren(...notesOf(task).map((text) => element("p", { textContent: text })));
    this.#fillBars();
    const doubted = drawing.objects.filter((object) => (object.confidence ?? 1) < SURE);
    const [least] = doubted.sort((a, b) => a.confidence - b.confidence);
    const point = least && drawing.anchorOf(least);
    const percent = Math.round(100 * least?.confidence);
    if (drawing.objects.some((object) => object.provenance === "discovered")) this.#tell(t(FOUND), point ?? null);
    else if (point) this.#tell(t("Look at {object}: the model is only {percent} % sure of it.", { object: nameOf(least), percent }), point);
    else this.#tell(null);
  }

  /** Take the picture of where the model is unsure. */
  setDoubt(heat) {
    const { drawing } = this, point = strongest(heat, drawing.width, drawing.height);
    if (!point) return;
    const object = drawing.at(...point);
    this.#tell(object
      ? t("Look at {object}: the model is least sure where the arrow points.", { object: this.nameOf(object) })
      : t("Look where the arrow points: the model is least sure there."), point);
  }

  get sentence() {
    return this.look.textContent;
  }

  /** Show the arrow, or take it away once the person has begun; false where there is nothing to point at. */
  set(shown) {
    this.begun = !shown;
    this.shown = shown && this.point !== null;
    this.redraw();
    return this.shown;
  }

  drawOver(context, scale) {
    if (!this.shown) return;
    const { width, height } = this.drawing, [x, y] = this.point;
    // The arrow comes from where there is more room.
    const angle = Math.atan2(y < height / 2 ? 1 : -1, x < width / 2 ? 1 : -1);
    const [dx, dy] = [Math.cos(angle) / scale, Math.sin(angle) / scale], at = (d, turn = 0) => {
      const [c, s] = [Math.cos(turn), Math.sin(turn)];
      return [x + d * (dx * c - dy * s), y + d * (dx * s + dy * c)];
    };
    const tip = at(TIP), side = (turn) => [tip[0] + at(HEAD, turn)[0] - x, tip[1] + at(HEAD, turn)[1] - y];
    for (const [colour, thick] of [["rgb(0 0 0 / 75%)", 7], ["#ffffff", 3.2]]) {
      context.beginPath();
      context.moveTo(...at(FAR));
      context.lineTo(...tip);
      context.moveTo(...side(0.5));
      context.lineTo(...tip);
      context.lineTo(...side(-0.5));
      Object.assign(context, { strokeStyle: colour, lineWidth: thick / scale, lineCap: "round", lineJoin: "round" });
      context.stroke();
    }
  }

  #tell(sentence, point = null) {
    const reason = heard(this.task.reason);
    this.look.textContent = sentence ?? reason;
    this.reason.textContent = sentence ? reason : "";
    this.how.hidden = !sentence && !this.bars.children.length;
    this.point = point;
    this.set(!this.begun);
  }

  #fillBars() {
    const { uncertainty } = this.task;
    const known = Object.keys(this.words).filter((name) => Number.isFinite(uncertainty?.[name]));
    this.bars.replaceChildren(...known.map((name) => {
      const value = Math.max(0, Math.min(1, uncertainty[name])), bar = element("meter", { min: 0, max: 1, value });
      bar.setAttribute("aria-label", this.words[name]);
      return element("li", {}, element("span", { textContent: this.words[name] }), bar,
        element("span", { className: "value", textContent: decimal(value, 2) }));
    }));
  }
}
