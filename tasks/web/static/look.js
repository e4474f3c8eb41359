// How the frame and its masks look to the person; nothing of it changes a mask.

const PLAIN = { opacity: 0.4, brightness: 1, contrast: 1 };
const LIMITS = { opacity: [0, 1], brightness: [0.2, 4], contrast: [0.2, 4] };

const byId = (id) => document.getElementById(id);

/** Show on all buttons of a name whether it is switched on. */
export function press(name, on) {
  for (const button of document.querySelectorAll(`[data-toggle="${name}"]`)) button.setAttribute("aria-pressed", on);
}

export class Look extends EventTarget {
  /** changed() is called when something has to be drawn anew; tells "change" too. */
  constructor(picture, changed) {
    super();
    Object.assign(this, PLAIN, { picture, changed, outlineOnly: false, hidden: false, heat: false, numbers: true });
    for (const name of Object.keys(PLAIN)) {
      byId(name).addEventListener("input", (event) => this.set({ [name]: Number(event.target.value) }));
    }
  }

  set(values) {
    Object.assign(this, values);
    for (const [name, [least, most]] of Object.entries(LIMITS)) {
      this[name] = Math.max(least, Math.min(most, this[name]));
      byId(name).value = this[name];
    }
    const plain = this.brightness === 1 && this.contrast === 1;
    this.picture.style.filter = plain ? "" : `brightness(${this.brightness}) contrast(${this.contrast})`;
    for (const name of ["outlineOnly", "hidden", "heat", "numbers"]) press(name, this[name]);
    this.changed();
    this.dispatchEvent(new Event("change"));
  }

  toggle(name) {
    this.set({ [name]: !this[name] });
  }

  /** Multiply, or for opacity add. */
  change(name, by) {
    this.set({ [name]: name === "opacity" ? this[name] + by : this[name] * by });
  }

  reset() {
    this.set(PLAIN);
  }
}
