// Keys that a person chose instead of the usual ones, kept on this device. No two actions share a key.

import { KEYS, actionOf, combination, shownAs } from "./keys.js";
import { t } from "./words.js";

const FIXED = /^(Shift\+)?(Tab|Space|Escape|[1-9])$/;
const HELD = ["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead"];

const LINES = Object.values(KEYS).flat().filter(([, action]) => action);
const WORDS = new Map(LINES.map(([, action, words]) => [action, t(words).split(/[:;,]/)[0]]));

export class OwnKeys extends EventTarget {
  /** Begins with the usual keys; tells "change". */
  constructor() {
    super();
    Object.assign(this, { keeper: null, own: {}, byKey: actionOf() });
  }

  /** Take up what the person chose, as far as this version knows it, and keep what is chosen from now on. */
  open(keeper) {
    this.keeper = keeper;
    const kept = Object.entries(keeper.keys() ?? {});
    this.own = Object.fromEntries(kept.filter(([action, key]) => WORDS.has(action) && typeof key === "string"));
    this.byKey = actionOf(this.own);
    this.dispatchEvent(new Event("change"));
  }

  /** The action of a key that is pressed, or undefined. */
  action(pressed) {
    return this.byKey.get(pressed);
  }

  /** The keys of an action. */
  of(action) {
    return [...this.byKey].filter(([, found]) => found === action).map(([key]) => key);
  }

  /** Give an action another key; gives what is in the way, in words, or null when it is done. */
  change(action, pressed) {
    if (FIXED.test(pressed)) return t("{key} cannot be changed: choose another key.", { key: shownAs(pressed) });
    const taken = this.action(pressed);
    if (taken && taken !== action) return t("{key} is taken by \"{action}\": choose another key.", { key: shownAs(pressed), action: WORDS.get(taken) });
    this.#set({ ...this.own, [action]: pressed });
    return null;
  }

  /** Go back to the usual keys. */
  reset() {
    this.#set({});
  }

  #set(own) {
    this.own = own;
    this.byKey = actionOf(own);
    this.keeper?.putKeys(own);
    this.dispatchEvent(new Event("change"));
  }

  /** Say on the buttons which keys lead to what they do. */
  showOn(root) {
    for (const button of root.querySelectorAll("[data-action]")) {
      const key = this.own[button.dataset.action], cap = button.querySelector("kbd");
      button.dataset.usual ??= JSON.stringify([button.title, cap?.textContent ?? ""]);
      const [title, text] = JSON.parse(button.dataset.usual);
      button.title = key ? title.replace(/ \([^()]*\)$/, ` (${shownAs(key)})`) : title;
      if (cap) cap.textContent = key ? shownAs(key) : text;
    }
  }
}

/** Let keys be changed in the help sheet: one is chosen, then another is pressed. */
export function listenForKeys(dialog, keys, note) {
  let asked = null;
  const ask = (button) => {
    asked = button?.dataset.of ?? null;
    for (const other of dialog.querySelectorAll("[data-of]")) other.setAttribute("aria-pressed", other === button);
    note.textContent = asked ? t("Press another key for \"{action}\", or Escape to leave it.", { action: WORDS.get(asked) }) : "";
  };
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-of]");
    if (button) ask(button);
  });
  dialog.addEventListener("keydown", (event) => {
    if (!asked || HELD.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const action = asked;
    if (event.key === "Escape") return void ask(null);
    const refusal = keys.change(action, combination(event));
    if (refusal) return void (note.textContent = refusal);
    ask(null);
    note.textContent = t("\"{action}\" is {keys} now.", { action: WORDS.get(action), keys: keys.of(action).map(shownAs).join(", ") });
    dialog.querySelector(`[data-of="${action}"]`).focus();
  }, { capture: true });
  dialog.addEventListener("close", () => ask(null));
}
