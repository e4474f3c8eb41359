// The page as reviewers use it: the answers of others, as outlines; Enter approves, a note sends back, and whoever draws
// corrects.

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
    if (on) byId("empty-title").textContent = "Nothing to review now";
  }

  /** Show whose answer it is. */
  open({ review }) {
    if (!this.on) return;
    byId("review-author").textContent = `${review.author} ${SAID[review.kind] ?? "answered"}`;
    byId("review-agrees").textContent = review.agrees === null ? ""
      : `It agrees to ${Math.round(review.agrees * 100)} % with another person or with the masks that were shown.`;
    byId("queue-text").textContent = `${review.left} to review`;
  }

  /** What Enter does with a drawing, in words. */
  words(drawing) {
    return this.unchanged(drawing) ? "Approve" : "Save correction";
  }

  /** Whether the answer is as its author gave it. */
  unchanged(drawing) {
    const kind = drawing.kind();
    return kind === "accept" || (kind === "absent" && !drawing.shown.length);
  }

  nothingToDo() {
    byId("empty-text").textContent = "Answers that wait for a review appear here by themselves.";
  }
}
