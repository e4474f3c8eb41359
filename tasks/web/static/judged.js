// What an audit asks where several masks are judged at once.

import { decimal } from "./words.js";

const byId = (id) => document.getElementById(id);

/** Say what is asked: by an audit, beside masks that are just good enough, or by a round (null). */
export function explain(audit) {
  byId("looks-round").hidden = Boolean(audit);
  byId("looks-audit").hidden = !audit;
  if (!audit) return;
  byId("looks-iou").textContent = decimal(audit.iou);
  const figure = byId("looks-examples"), image = figure.querySelector("img"), address = `api/audit/examples.png?iou=${audit.iou}`;
  image.onload = () => (figure.hidden = false);
  image.onerror = () => (figure.hidden = true);
  if (image.getAttribute("src") !== address) image.src = address;
}

/** The judgement of the one mask that a card of an audit shows. */
export function judgement(cards, [{ mask, said }]) {
  const gestures = [{ tool: "accept", track_id: mask.track_id, adds: said === "right", points: [] }];
  return { kind: said === "right" ? "accept" : "reject", masks: [], more: { complete: false, gestures } };
}
