// Several objects chosen in the list: Ctrl and a click takes one in or out, Shift and a click all between.

export class Chosen {
  constructor() {
    Object.assign(this, { objects: new Set(), from: null });
  }

  clear() {
    this.objects.clear();
  }

  /** A row of the list was pressed; gives the object that is selected then, null for none. */
  press(object, { shiftKey = false, ctrlKey = false, metaKey = false }, listed, selected) {
    const toggles = ctrlKey || metaKey;
    if (!shiftKey && !toggles) {
      this.clear();
      this.from = object;
      return object;
    }
    if (!this.objects.size && selected) this.objects.add(selected);
    if (toggles && this.objects.delete(object)) return [...this.objects].at(-1) ?? null;
    const places = [listed.indexOf(this.from ?? selected), listed.indexOf(object)].sort((a, b) => a - b);
    const taken = shiftKey && places[0] >= 0 ? listed.slice(places[0], places[1] + 1) : [object];
    for (const one of taken) this.objects.add(one);
    if (toggles) this.from = object;
    return object;
  }

  has(object) {
    return this.objects.has(object);
  }

  /** What an action is about: the chosen objects that are still there, else the selected one. */
  of({ objects, selected }) {
    const found = objects.filter((object) => this.objects.has(object));
    return found.length > 1 ? found : selected ? [selected] : [];
  }
}
