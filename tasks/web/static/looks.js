// Up to twelve masks at once where only a yes or no is asked for: pieces of several frames, each confirmed or refused.

import { element } from "./elements.js";
import { explain, judgement } from "./judged.js";
import * as masks from "./masks.js";
import { decode } from "./rle.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

const KEYS = [..."1234567890-="];
const WIDE = 336, TALL = 240, AROUND = 0.6, LEAST_AROUND = 40, INSET = 0.28, LONG_SIDE = 1280;
const OTHERS = 0.4; // opacity of the outlines of other objects
const NEXT = { "": "right", right: "wrong", wrong: "" };
const SAID = { "": "not judged", right: "right", wrong: "wrong" };

/** The part of a frame around a box, in the shape of a card. */
function partAround(box, { width, height }) {
  const margin = Math.max(LEAST_AROUND, AROUND * Math.max(box.x1 - box.x0, box.y1 - box.y0));
  const wide = Math.max(box.x1 - box.x0 + margin, ((box.y1 - box.y0 + margin) * WIDE) / TALL);
  const w = Math.min(width, wide), h = Math.min(height, (w * TALL) / WIDE);
  const inside = (middle, size, most) => Math.max(0, Math.min(most - size, middle - size / 2));
  return { x: inside((box.x0 + box.x1) / 2, w, width), y: inside((box.y0 + box.y1) / 2, h, height), w, h };
}

function drawOutlines(context, outlines, scale) {
  for (const [width, halo] of [[3.5, true], [1.6, false]]) {
    for (const { path, colour, other } of outlines) {
      context.globalAlpha = other ? OTHERS : 1;
      context.strokeStyle = halo ? "rgb(0 0 0 / 70%)" : colour;
      context.lineWidth = width / scale;
      context.stroke(path);
    }
  }
}

/** Show a part of a frame in a rectangle of a canvas, with outlines. */
function drawPart(context, image, frame, part, [left, top, wide, tall], outlines) {
  const scale = Math.min(wide / part.w, tall / part.h), by = image.naturalWidth / frame.width;
  context.save();
  context.beginPath();
  context.rect(left, top, part.w * scale, part.h * scale);
  context.clip();
  context.drawImage(image, part.x * by, part.y * by, part.w * by, part.h * by, left, top, part.w * scale, part.h * scale);
  context.translate(left - part.x * scale, top - part.y * scale);
  context.scale(scale, scale);
  drawOutlines(context, outlines, scale);
  context.restore();
}

export class Looks {
  /**
   * keep(tasks) keeps the frames in hand, send(answers, left) takes what was judged and the frames left, leave() too;
   * keeper() gives what keeps judgements on this device until they are sent, tell(text) shows a short note.
   */
  constructor({ colourOf, nameOf, keep, send, leave, keeper, tell }) {
    Object.assign(this, { colourOf, nameOf, keep, send, leave, keeper, tell, tasks: [], cards: [], timer: 0 });
    this.root = byId("looks");
    byId("looks-send").addEventListener("click", () => this.#finish());
    byId("looks-rest").addEventListener("click", () => this.#sayRest());
    byId("looks-leave").addEventListener("click", () => this.leave());
    addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
  }

  get isOpen() {
    return !this.root.hidden;
  }

  open(tasks) {
    this.tasks = tasks;
    this.cards = tasks.flatMap((task) => {
      const kept = this.keeper().judged(task.request_id) ?? {};
      return task.masks.map((mask) => ({ task, mask, said: kept[mask.track_id] ?? "" }));
    });
    byId("looks-cards").replaceChildren(...this.cards.map((card, i) => this.#row(card, i)));
    explain(tasks[0].audit);
    this.root.hidden = false;
    for (const task of tasks) this.#draw(task);
    const seconds = Math.min(...tasks.map((task) => task.lease.expires_in_seconds));
    this.timer = setInterval(() => this.keep(tasks), Math.max(1000, (seconds / 3) * 1000));
  }

  close() {
    clearInterval(this.timer);
    this.root.hidden = true;
    [this.tasks, this.cards] = [[], []];
    byId("looks-cards").replaceChildren();
  }

  #row(card, i) {
    card.canvas = element("canvas", { width: WIDE, height: TALL });
    card.words = element("span", {});
    card.button = element("button", { type: "button" }, card.canvas, card.words);
    card.button.addEventListener("click", () => this.#say(card, NEXT[card.said]));
    card.key = KEYS[i] ?? "";
    this.#show(card);
    return element("li", {}, card.button);
  }

  #say(card, said) {
    card.said = said;
    this.#show(card);
    const { task } = card, mine = this.cards.filter((other) => other.task === task);
    this.keeper().putJudged(task.request_id, Object.fromEntries(mine.map((one) => [one.mask.track_id, one.said])));
  }

  #show({ button, words, key, said, task, mask }) {
    button.dataset.said = said;
    const { video, frame_idx } = task.frame;
    words.textContent = `${key ? `${key}  ` : ""}${this.nameOf(task, mask)}, ${video} ${frame_idx}: ${t(SAID[said])}`;
  }

  #sayRest() {
    for (const card of this.cards) if (!card.said) this.#say(card, "right");
  }

  async #draw(task) {
    const { frame } = task, image = new Image();
    image.src = `api/frames/${frame.video_id}/${frame.frame_idx}.jpg?long_side=${LONG_SIDE}`;
    const outlines = task.masks.map((shown) => {
      const { mask, box } = decode(shown.rle);
      return { shown, box, colour: this.colourOf(shown.track_id), path: masks.outline(mask, frame.width, box) };
    });
    if (!(await image.decode().then(() => true, () => false))) return;
    const whole = { x: 0, y: 0, w: frame.width, h: frame.height };
    for (const card of this.cards.filter((c) => c.task === task)) {
      const context = card.canvas.getContext("2d"), own = outlines.find(({ shown }) => shown === card.mask);
      const seen = outlines.map((outline) => ({ ...outline, other: outline !== own }));
      drawPart(context, image, frame, partAround(own.box, frame), [0, 0, WIDE, TALL], seen);
      drawPart(context, image, frame, whole, [WIDE * (1 - INSET), 0, WIDE * INSET, TALL * INSET], outlines);
    }
  }

  #onKey(event) {
    if (!this.isOpen || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const card = this.cards.find(({ key }) => key === event.key);
    if (card) this.#say(card, NEXT[card.said]);
    else if (event.key === "Enter" && !event.target.closest("button")) this.#finish();
    else if (event.key === "a") this.#sayRest();
    else if (event.key === "Escape") this.leave();
    else if (event.key === "Tab" || event.key === "Enter" || event.key === " ") return void event.stopPropagation();
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** Send an answer for each frame of which anything was judged. */
  #finish() {
    const answers = [], left = [];
    for (const task of this.tasks) {
      const mine = this.cards.filter((card) => card.task === task), judged = mine.filter(({ said }) => said);
      const answer = task.audit ? judgement : answerOf;
      if (judged.length) answers.push({ task, judged: judged.length, ...answer(mine, judged) });
      else left.push(task);
      this.keeper().dropJudged(task.request_id);
    }
    if (answers.length) this.send(answers, left);
    else this.tell(t("Nothing is judged yet. The key of a mask says that it is right, once more that it is wrong."));
  }
}

/** What was judged of a frame: all right, some right, or none. */
function answerOf(cards, judged) {
  const gestures = judged.map(({ mask, said }) => ({
    tool: "accept", track_id: mask.track_id, adds: said === "right", points: [],
  }));
  const right = judged.filter(({ said }) => said === "right").map(({ mask: { track_id, category_id, rle } }) => ({
    track_id, category_id, rle,
  }));
  if (!right.length) return { kind: "reject", masks: [], more: { complete: false, gestures } };
  return { kind: "accept", masks: right, more: { complete: right.length === cards.length, gestures } };
}
