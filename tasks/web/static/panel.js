// The panel beside the frame: the list of objects.

import { Attributes } from "./attributes.js";
import { element } from "./elements.js";
import { t } from "./words.js";

const PROVENANCE = { human: "a person", propagated: "carried along", teacher: "the model", discovered: "discovery" };

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
};

const SORTS = {
  number: null,
  doubt: (object) => object.confidence ?? 2,
  size: (object, drawing) => -drawing.areaOf(object),
};
const SEARCHED_FROM = 6; // objects

/**
 * The objects of the frame; act(action, object, value) is called for what the person does to them. Tells "change" when
 * their order is another.
 */
export class Panel extends EventTarget {
  constructor(root, colourOf, act, chosen) {
    super();
    this.chosen = chosen;
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    Object.assign(this, { root, colourOf, act, drawing: null, rows: new Map() });
    Object.assign(this, { list: part("list"), count: part("count"), details: part("details"), hint: part("hint") });
    Object.assign(this, { category: part("category"), track: part("track"), tracks: part("tracks") });
    this.about = part("about");
    this.attributes = new Attributes(part("attributes"), (name) => act("attribute", this.drawing.selected, name));
    Object.assign(this, { search: part("search"), sort: part("sort"), found: part("found"), rowsShown: [] });
    this.search.addEventListener("input", () => this.refresh());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.search.value = "";
      if (!["Escape", "Enter"].includes(event.key)) return;
      event.preventDefault();
      if (event.key === "Enter" && this.rowsShown.length) act("select", this.rowsShown[0]);
      this.refresh();
      this.search.blur();
    });
    this.sort.addEventListener("change", () => this.set({ order: this.sort.value }));
    this.category.addEventListener("change", () => act("category", this.drawing.selected, Number(this.category.value)));
    this.track.addEventListener("change", () => act("track", this.drawing.selected, Number(this.track.value)));
    this.track.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // The same key would press the first button of a question that the number leads to.
      event.preventDefault();
      this.track.blur();
    });
  }

  /** In which order objects are listed: "number", "doubt" or "size". */
  get order() {
    return this.sort.value;
  }

  set({ order = this.order }) {
    this.sort.value = order in SORTS ? order : "number";
    if (this.drawing) this.#arrange();
    this.dispatchEvent(new Event("change"));
  }

  focusSearch() {
    if (this.search.parentElement.hidden) return false;
    this.search.focus();
    this.search.select();
    return true;
  }

  /** The objects that the search leaves, in the order of the list. */
  get listed() {
    return this.rowsShown;
  }

  /** own: categories of this video, the first of which a new object has; attributes: what may be said of objects. */
  open(drawing, { categories, own_categories: own, attributes }) {
    this.drawing = drawing;
    this.own = own;
    this.attributes.open(attributes);
    this.offer(categories);
    this.search.value = "";
    this.places = new Map();
    this.rows.clear();
    this.list.replaceChildren();
    this.#arrange();
  }

  /** What objects may be called: their names, keys and descriptions. */
  offer(categories) {
    this.categories = new Map(categories.map((c) => [c.category_id, c]));
    this.names = new Map([...categories.map((c) => [c.category_id, c.name]), [0, t("ignore")]]);
    const keyed = ([id, name]) => (this.categories.get(id)?.key ? `${name} (${this.categories.get(id).key})` : name);
    const options = [...this.names].map((named) => element("option", { value: named[0], textContent: keyed(named) }));
    this.category.replaceChildren(...options);
  }

  /** The category of a new object: the video's own, else the first of all. */
  get usual() {
    return this.own.find((id) => this.categories.has(id)) ?? [...this.categories.keys()][0];
  }

  nameOf(object) {
    return object.ignored ? t("ignored region") : `${this.names.get(object.category) ?? t("object")} ${object.track}`;
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
    this.search.parentElement.hidden = objects.length < SEARCHED_FROM;
    if (this.search.parentElement.hidden) this.search.value = "";
    for (const [object, row] of this.rows) if (!objects.includes(object)) this.#dropRow(object, row);
    this.rowsShown = this.#found();
    this.found.textContent = this.search.value ? t("{n} of {all}", { n: this.rowsShown.length, all: objects.length }) : "";
    for (const object of objects) if (!this.rowsShown.includes(object)) this.rows.get(object)?.remove();
    this.rowsShown.forEach((object, i) => {
      const row = this.rows.get(object) ?? this.#addRow(object);
      if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] ?? null);
      this.#fill(row, object, object === selected || this.chosen.has(object));
    });
    this.details.disabled = !selected;
    this.attributes.show(selected);
    if (!selected) return;
    if (document.activeElement !== this.track) this.track.value = selected.track || "";
    this.track.disabled = selected.ignored;
    this.category.value = selected.category;
    const known = this.categories.get(selected.category);
    this.about.textContent = known?.description ?? "";
    this.about.hidden = !known?.description;
    this.about.style.borderColor = known?.colour ?? "";
  }

  /** Work out the order anew; it stays while objects are drawn, so that no row runs away. */
  #arrange() {
    const value = SORTS[this.order], { objects } = this.drawing;
    const sorted = value ? objects.toSorted((a, b) => value(a, this.drawing) - value(b, this.drawing)) : objects;
    this.places = new Map(sorted.map((object, i) => [object, i]));
    this.refresh();
  }

  #found() {
    const place = (object) => this.places.get(object) ?? Infinity, { value } = this.search;
    const words = value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (object) => words.every((word) => this.nameOf(object).toLowerCase().includes(word));
    const { objects } = this.drawing;
    const sorted = SORTS[this.order] ? objects.toSorted((a, b) => place(a) - place(b) || 0) : objects;
    return words.length ? sorted.filter(fits) : sorted;
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
    choose.addEventListener("click", (event) => this.act("select", object, event));
    see.addEventListener("click", () => this.act("visible", object, !object.visible));
    const row = element("li", {}, choose, see);
    row.addEventListener("pointerenter", () => this.act("point", object));
    row.addEventListener("pointerleave", () => this.act("point", null));
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
    name.textContent = [this.nameOf(object), ...object.attributes].join(", ");
    this.#fillState(state, object);
    see.setAttribute("aria-label", t(object.visible ? "hide {object}" : "show {object}", { object: this.nameOf(object) }));
    if (see.dataset.icon === `${object.visible}`) return;
    see.dataset.icon = `${object.visible}`;
    see.replaceChildren(icon(object.visible ? "eye" : "eye-off"));
  }

  #fillState(state, object) {
    const changed = this.drawing.stroke ? state.dataset.is === "changed" : this.drawing.isChanged(object);
    const blank = !this.drawing.stroke && this.drawing.isBlank(object);
    const is = blank ? "blank" : object.accepted ? "accepted" : changed ? "changed" : "shown";
    const sure = object.confidence === null || is !== "shown" ? "" : t("{percent} % sure", { percent: Math.round(object.confidence * 100) });
    if (state.dataset.is === is) return;
    state.dataset.is = is;
    const source = t(PROVENANCE[object.provenance] ?? "");
    const words = { blank: t("nothing drawn yet"), accepted: t("accepted"), changed: t("drawn"), shown: sure || source };
    state.title = is === "shown" ? [source, sure].filter(Boolean).join(", ") : "";
    state.replaceChildren(...(is === "accepted" ? [icon("check")] : []), words[is]);
  }
}
