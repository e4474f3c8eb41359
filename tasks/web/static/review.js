// The page as reviewers use it: the answers of others, as outlines; Enter approves, a note sends back, and whoever draws
// corrects.

import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

const SAID = {
  absent: "says that nothing is here", reject: "says that the masks shown are wrong", tag: "ticked what is here",
  accept: "accepted these masks", mask: "drew this",
};

export class Review {
  /** on says whether this page is that of reviewers. */
  constructor(on) {
    this.on = on;
    byId("review").hidden = byId("return").hidden = !on;
    for (const id of ["skip", "flag", "drop", "last-open"]) byId(id).classList.toggle("gone", on);
    if (on) byId("empty-title").textContent = t("Nothing to review now");
  }

  /** Show whose answer it is. */
  open({ review }) {
    if (!this.on) return;
    byId("review-author").textContent = `${review.author} ${t(SAID[review.kind] ?? "answered")}`;
    byId("review-agrees").textContent = review.agrees === null ? ""
      : t("It agrees to {percent} % with another person or with the masks that were shown.", {
        percent: Math.round(review.agrees * 100),
      });
    byId("queue-text").textContent = t("{n} to review", { n: review.left });
  }

  /** What Enter does with a drawing, in words. */
  words(drawing) {
    return this.unchanged(drawing) ? t("Approve") : t("Save correction");
  }

  /** Whether the answer is as its author gave it. */
  unchanged(drawing) {
    const kind = drawing.kind();
    return kind === "accept" || (kind === "absent" && !drawing.shown.length);
  }

  nothingToDo() {
    byId("empty-text").textContent = t("Answers that wait for a review appear here by themselves.");
  }
}
