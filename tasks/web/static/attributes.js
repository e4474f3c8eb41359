// What may be said of an object beside its mask, such as "occluded": a button for each, and Alt with a digit.

import { element } from "./elements.js";
import { t } from "./words.js";

export class Attributes {
  /** toggle(name) is what a button does. */
  constructor(root, toggle) {
    Object.assign(this, { root, toggle, known: [], buttons: new Map() });
  }

  /** known: [{name, category_id}], the category null where all objects may have it. */
  open(known) {
    this.known = known;
    this.buttons = new Map(known.map(({ name }) => {
      const button = element("button", { type: "button", className: "attribute" });
      button.addEventListener("click", (event) => {
        this.toggle(name);
        // Whoever clicked goes on with keys that are meant for the frame.
        if (event.detail) button.blur();
      });
      return [name, button];
    }));
    this.root.replaceChildren(...this.buttons.values());
  }

  /** Those that an object may have, in the order of their digits. */
  of(object) {
    return this.known.filter(({ category_id }) => category_id === null || category_id === object.category);
  }

  /** Show what is said of the selected object; null for none. */
  show(object) {
    const offered = object && !object.ignored ? this.of(object).map(({ name }) => name) : [];
    this.root.hidden = !offered.length;
    for (const [name, button] of this.buttons) {
      const place = offered.indexOf(name);
      button.hidden = place < 0;
      if (place < 0) continue;
      button.setAttribute("aria-pressed", object.attributes.includes(name));
      button.title = place < 9 ? `${t("Alt")} ${place + 1}` : "";
      const cap = place < 9 ? [" ", element("kbd", { textContent: `⌥${place + 1}` })] : [];
      button.replaceChildren(name, ...cap);
    }
  }
}
