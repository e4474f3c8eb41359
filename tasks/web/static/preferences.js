// How a person likes to work: tool, size of the brush, brightness and the like, kept on this device.

const EDITOR = ["tool", "radius", "cutting"], LOOK = ["opacity", "brightness", "contrast", "outlineOnly", "numbers"];
const PANEL = ["order"], TRACKING = ["every"], PREVIEW = ["on"];
const KEPT_AFTER_MS = 300;

const isLike = (value, example) =>
  typeof value === typeof example && (typeof value !== "number" || Number.isFinite(value));

export class Preferences {
  /** Take up what was kept, as far as this version knows it, and keep what changes from now on; known names tools. */
  constructor(keeper, { editor, look, panel, tracking, preview, tools }) {
    const parts = [[editor, EDITOR], [look, LOOK], [panel, PANEL], [tracking, TRACKING], [preview, PREVIEW]];
    Object.assign(this, { keeper, parts, timer: 0 });
    const kept = keeper.preferences() ?? {};
    for (const [part, names] of this.parts) {
      const isKnown = (name) => name !== "tool" || tools.includes(kept.tool);
      const values = names.filter((name) => isLike(kept[name], part[name]) && isKnown(name));
      part.set(Object.fromEntries(values.map((name) => [name, kept[name]])));
      part.addEventListener("change", () => this.#later());
    }
    addEventListener("pagehide", () => this.#keep());
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#keep(), KEPT_AFTER_MS);
  }

  #keep() {
    clearTimeout(this.timer);
    this.keeper.putPreferences(Object.fromEntries(
      this.parts.flatMap(([part, names]) => names.map((name) => [name, part[name]]))));
  }
}
