// An audit asks about masks that were delivered: whether one is good enough, or which objects of a frame have none.
// Nothing is drawn here; what is drawn from nothing goes the usual way.

import { counted, decimal, t } from "./words.js";

const byId = (id) => document.getElementById(id);

const RADIUS = 11; // CSS pixels of a mark

export class Audit {
  /** toImage(event) gives the point of the image under a pointer; redraw() draws the picture anew. */
  constructor(stage, toImage, redraw) {
    Object.assign(this, { redraw, asked: null, marks: [], track: 0 });
    this.root = byId("audit");
    stage.addEventListener("pointerdown", (event) => {
      if (this.looksThrough && event.button === 0 && !event.altKey && this.ready()) this.#mark(toImage(event));
    });
  }

  /** Whether marks may be set now. */
  ready = () => true;

  /** Take a task; name is that of the mask in question. Gives the object to bring near, or null. */
  open(task, drawing, nameOf) {
    const judged = task.audit?.grade === "judged";
    Object.assign(this, { asked: judged ? task.audit : null, marks: [], width: task.frame.width, height: task.frame.height });
    this.root.hidden = !judged;
    document.getElementById("app").toggleAttribute("data-audit", judged);
    if (!judged) return null;
    const { track_id, iou } = task.audit, object = drawing.objects.find((o) => o.track === track_id) ?? null;
    byId("audit-text").textContent = track_id
      ? t("Is the mask of {object} good enough? It is when its overlap with the object (IoU) is at least {iou}.", {
        object: object ? nameOf(object) : t("this object"), iou: decimal(iou),
      })
      : t("Does every object here have a mask, however good? Click on each that has none.");
    byId("audit-no").hidden = !track_id;
    this.#showExamples(track_id ? iou : null);
    this.#tell();
    return object;
  }

  /** Whether the task is a judgement. */
  get judges() {
    return this.asked !== null;
  }

  get looksThrough() {
    return this.judges && this.asked.track_id === 0;
  }

  /** The answer that a yes or a no is; null where a no needs marks first. */
  answer(good) {
    const { track_id } = this.asked;
    if (track_id) {
      const gestures = [{ tool: "accept", track_id, adds: good, points: [] }];
      return { kind: good ? "accept" : "reject", more: { complete: false, masks: [], gestures } };
    }
    if (!good && !this.marks.length) return null;
    const gestures = this.marks.map((point) => ({ tool: "missing", track_id: 0, adds: true, points: [point] }));
    return { kind: gestures.length ? "reject" : "accept", more: { complete: false, masks: [], gestures } };
  }

  takeBack() {
    this.marks.pop();
    this.#tell();
    this.redraw();
  }

  drawOver(context, scale) {
    for (const [x, y] of this.marks) {
      for (const [colour, thick] of [["rgb(0 0 0 / 75%)", 6], ["#ffffff", 2.6]]) {
        context.beginPath();
        context.arc(x, y, RADIUS / scale, 0, 2 * Math.PI);
        Object.assign(context, { strokeStyle: colour, lineWidth: thick / scale });
        context.stroke();
      }
    }
  }

  #mark([x, y]) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    this.marks.push([x, y]);
    this.#tell();
    this.redraw();
  }

  #tell() {
    const n = this.marks.length, words = counted(n, "{n} object has no mask", "{n} objects have no mask");
    byId("audit-yes").firstElementChild.textContent = this.asked.track_id ? t("Yes") : n ? words : t("All have a mask");
    byId("audit-back").hidden = !n;
  }

  #showExamples(iou) {
    const figure = byId("audit-examples"), image = figure.querySelector("img");
    figure.hidden = true;
    if (iou === null) return;
    figure.querySelector("figcaption").textContent = t("These are just good enough (IoU {iou}): white is what people drew.", { iou: decimal(iou) });
    image.alt = t("Masks whose IoU with the object is {iou}", { iou: decimal(iou) });
    image.onload = () => (figure.hidden = !this.judges || !this.asked.track_id);
    image.onerror = () => (figure.hidden = true);
    const address = `api/audit/examples.png?iou=${iou}`;
    if (image.getAttribute("src") === address && image.complete && image.naturalWidth) image.onload();
    else image.src = address;
  }
}
