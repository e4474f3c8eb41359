// The panel beside the frame: why the frame was chosen, and the list of objects.

const PROVENANCE = { human: "a person", propagated: "carried along", teacher: "the model" };

const element = (name, values = {}, ...children) => {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
};

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
};

/** The reason for the choice, and the parts of the uncertainty as bars; words names the parts. */
export function showReason(root, task, words) {
  const notes = [];
  if (task.control) notes.push("Drawn at random, to measure what choosing frames gains.");
  if (task.blind) notes.push("No masks are shown here on purpose: draw what you see.");
  if (task.kind === "accept") notes.push("A look is enough here: accept the masks, or correct them.");
  for (const { who, how, reason } of task.set_aside ?? []) {
    notes.push(who ? `${who} ${how === "flag" ? "flagged" : "skipped"} it: ${reason || "no reason given"}` : "Everybody skipped it.");
  }
  root.querySelector("[data-part=reason]").textContent = task.reason;
  root.querySelector("[data-part=notes]").replaceChildren(...notes.map((text) => element("p", { textContent: text })));
  const known = Object.keys(words).filter((name) => Number.isFinite(task.uncertainty?.[name]));
  root.querySelector("[data-part=bars]").replaceChildren(...known.map((name) => {
    const value = Math.max(0, Math.min(1, task.uncertainty[name]));
    const bar = element("meter", { min: 0, max: 1, value });
    bar.setAttribute("aria-label", words[name]);
    return element("li", {}, element("span", { textContent: words[name] }), bar,
      element("span", { className: "value", textContent: value.toFixed(2) }));
  }));
}

/** The objects of the frame; do(action, object, value) is called for what the person does to them. */
export class Panel {
  constructor(root, colourOf, act) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    Object.assign(this, { root, colourOf, act, drawing: null, rows: new Map() });
    Object.assign(this, { list: part("list"), count: part("count"), details: part("details"), hint: part("hint") });
    Object.assign(this, { category: part("category"), track: part("track"), tracks: part("tracks") });
    this.about = part("about");
    this.category.addEventListener("change", () => act("category", this.drawing.selected, Number(this.category.value)));
    this.track.addEventListener("change", () => act("track", this.drawing.selected, Number(this.track.value)));
    this.track.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // The same key would press the first button of a question that the number leads to.
      event.preventDefault();
      this.track.blur();
    });
  }

  /** own: categories of this video, the first of which a new object has. */
  open(drawing, categories, own) {
    this.drawing = drawing;
    this.own = own;
    this.offer(categories);
    this.rows.clear();
    this.list.replaceChildren();
    this.refresh();
  }

  /** What objects may be called: their names, keys and descriptions. */
  offer(categories) {
    this.categories = new Map(categories.map((c) => [c.category_id, c]));
    this.names = new Map([...categories.map((c) => [c.category_id, c.name]), [0, "ignore"]]);
    const keyed = ([id, name]) => (this.categories.get(id)?.key ? `${name} (${this.categories.get(id).key})` : name);
    const options = [...this.names].map((named) => element("option", { value: named[0], textContent: keyed(named) }));
    this.category.replaceChildren(...options);
  }

  /** The category of a new object: the video's own, else the first of all. */
  get usual() {
    return this.own.find((id) => this.categories.has(id)) ?? [...this.categories.keys()][0];
  }

  nameOf(object) {
    return object.ignored ? "ignored region" : `${this.names.get(object.category) ?? "object"} ${object.track}`;
  }

  /** Objects of the video, which one here may be. */
  suggest(objects) {
    this.tracks.replaceChildren(...objects.map(({ track_id, category_id }) =>
      element("option", { value: track_id, label: this.names.get(category_id) ?? "" })));
  }

  refresh() {
    const { objects, selected } = this.drawing;
    this.count.textContent = objects.length;
    this.hint.hidden = objects.length > 0;
    for (const [object, row] of this.rows) if (!objects.includes(object)) this.#dropRow(object, row);
    objects.forEach((object, i) => {
      const row = this.rows.get(object) ?? this.#addRow(object);
      if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] ?? null);
      this.#fill(row, object, object === selected);
    });
    this.details.disabled = !selected;
    if (!selected) return;
    if (document.activeElement !== this.track) this.track.value = selected.track || "";
    this.track.disabled = selected.ignored;
    this.category.value = selected.category;
    const known = this.categories.get(selected.category);
    this.about.textContent = known?.description ?? "";
    this.about.hidden = !known?.description;
    this.about.style.borderColor = known?.colour ?? "";
  }

  reveal() {
    this.rows.get(this.drawing.selected)?.scrollIntoView({ block: "nearest" });
  }

  focusTrack() {
    this.track.focus();
    this.track.select();
  }

  #addRow(object) {
    const choose = element("button", { className: "choose", type: "button" },
      element("span", { className: "swatch" }), element("span", { className: "name" }),
      element("span", { className: "state" }));
    const see = element("button", { className: "see", type: "button" });
    choose.addEventListener("click", () => this.act("select", object));
    see.addEventListener("click", () => this.act("visible", object, !object.visible));
    const row = element("li", {}, choose, see);
    this.rows.set(object, row);
    return row;
  }

  #dropRow(object, row) {
    if (row.contains(document.activeElement)) this.list.closest("[tabindex]")?.focus();
    row.remove();
    this.rows.delete(object);
  }

  #fill(row, object, selected) {
    const [choose, see] = row.children, [swatch, name, state] = choose.children;
    row.classList.toggle("selected", selected);
    row.classList.toggle("unseen", !object.visible);
    choose.setAttribute("aria-pressed", selected);
    swatch.style.background = this.colourOf(object.track);
    name.textContent = this.nameOf(object);
    this.#fillState(state, object);
    see.setAttribute("aria-label", `${object.visible ? "hide" : "show"} ${this.nameOf(object)}`);
    if (see.dataset.icon === `${object.visible}`) return;
    see.dataset.icon = `${object.visible}`;
    see.replaceChildren(icon(object.visible ? "eye" : "eye-off"));
  }

  #fillState(state, object) {
    const changed = this.drawing.stroke ? state.dataset.is === "changed" : this.drawing.isChanged(object);
    const is = object.accepted ? "accepted" : changed ? "changed" : "shown";
    if (state.dataset.is === is) return;
    state.dataset.is = is;
    const words = { accepted: "accepted", changed: "drawn", shown: PROVENANCE[object.provenance] ?? "" };
    state.replaceChildren(...(is === "accepted" ? [icon("check")] : []), words[is]);
  }
}
