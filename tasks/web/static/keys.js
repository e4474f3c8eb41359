// Every key of the page, in the order of the help sheet: [keys, action, words].

import { t } from "./words.js";

export const KEYS = {
  "Go on": [
    ["Enter", "acceptFrame", "Accept the frame and go on"],
    ["a", "acceptMask", "Accept the mask, go to the next"],
    ["Shift+n", "refuseMasks", "Asked for a yes or no: no, something is wrong or missing. In a review: send it back"],
    ["0", "nothingHere", "Nothing is here"],
    ["Shift+u", "undoLast", "Take the last answer back (60 s)"],
    ["Shift+l", "lastFrames", "My last frames, to change what I said"],
    ["Shift+s", "skip", "Skip the frame, with a reason"],
    ["Shift+f", "flag", "Flag the frame for the lead"],
    ["Shift+r", "writeNote", "Write a note that goes out with the answer"],
    ["Shift+q", "threads", "Notes on my frames, and replies"],
  ],
  Draw: [
    ["b", "brush", "Brush"],
    ["e", "eraser", "Eraser"],
    ["p", "polygon", "Polygon: click points, Enter closes; or trace with the button held. Its corners can be moved"],
    ["Shift+p", "fitOutline", "Fit the selected object's outline to the picture"],
    ["r", "box", "Box: what is in it becomes an object"],
    ["s", "click", "Clicks: what belongs to the object is found"],
    ["Shift+b", "scribble", "Scribble: strokes along what belongs to the object, or does not; the rest is found"],
    ["Shift", "", "Brush and box: go on with the selected object, also away from it"],
    ["Shift+v", "preview", "Show what a click would make before it is made, or not"],
    ["m", "minus", "Add or take away; the right button does it once, Shift too for polygon, eraser, clicks, scribble"],
    ["[", "thinner", "A smaller brush; also Shift and the wheel"],
    ["]", "thicker", "A larger brush"],
    ["u", "cutting", "Cut the object underneath, or keep it"],
    ["g", "fillHoles", "Fill holes"],
    ["x", "cutOut", "Cut the object out of all others"],
    ["z Ctrl+z", "undo", "Undo"],
    ["Shift+z Ctrl+Shift+z Ctrl+y", "redo", "Redo"],
    ["Escape", "cancel", "Give up what is begun; back to the frame"],
  ],
  Objects: [
    ["ArrowDown", "nextObject", "Next object"],
    ["ArrowUp", "previousObject", "Object before"],
    ["v", "select", "Choose by a click; Alt and a click with any tool"],
    ["n", "newObject", "New object"],
    ["Delete Backspace", "deleteObject", "Delete the object, or a corner: the last one, or the one under the pointer"],
    ["1–9", "", "Category of the object"],
    ["Alt 1–9", "", "What else is said of the object, such as occluded"],
    ["Shift+i", "ignore", "A region that nobody can tell: to be ignored"],
    ["/", "searchObjects", "Search the list of objects"],
    ["i", "identity", "Number of the object in the video"],
    ["q", "sameAs", "Same as: choose from the objects of the video"],
    ["w", "swapObjects", "Swap numbers with the object under the pointer"],
    ["j", "mergeObjects", "Join the object under the pointer to the selected one"],
    ["y", "splitObject", "Split: the part under the pointer becomes a new object"],
    ["c", "copyMissing", "Copy what is missing from the previous frame"],
    ["Shift+c", "copyObject", "Take this object's mask from the previous frame"],
  ],
  Clip: [
    ["ArrowLeft ,", "frameBefore", "Frame before"],
    ["ArrowRight .", "frameAfter", "Next frame"],
    ["Home", "frameOwn", "Back to the frame to label"],
    ["l", "play", "Play the clip, or stop"],
    ["Shift+ArrowRight", "trackForward", "Track: carry the object to the next frames; any gesture stops it"],
    ["Shift+ArrowLeft", "trackBackward", "Track it to the frames before"],
    ["Shift+e", "trackEvery", "Track all objects, or the selected one"],
  ],
  View: [
    ["+ =", "zoomIn", "Nearer; also the wheel or two fingers"],
    ["-", "zoomOut", "Further"],
    ["f", "fit", "The whole frame"],
    ["Shift+x", "zoomObject", "The object, near"],
    ["Space", "", "Hold and drag to pan; also the middle button or two fingers"],
    ["h", "hide", "Hide or show the masks"],
    ["o", "outlineOnly", "Outlines only"],
    ["t", "numbers", "Numbers on the masks"],
    ["d", "disagreement", "Where the model is unsure"],
    ["Shift+d", "whereToLook", "The arrow to where to look first"],
    ["{", "fainter", "Fainter masks"],
    ["}", "stronger", "Stronger masks"],
    ["Alt+ArrowUp", "brighter", "Brighter"],
    ["Alt+ArrowDown", "darker", "Darker"],
    ["Alt+ArrowRight", "moreContrast", "More contrast"],
    ["Alt+ArrowLeft", "lessContrast", "Less contrast"],
    ["?", "help", "This sheet"],
    ["Shift+g", "guide", "What to label: the guide"],
  ],
  "Without a mouse": [
    ["k", "keyboard", "A cursor for the arrow keys (Shift: ten pixels)"],
    ["Space", "", "With the cursor: brush down or up, set a point, click"],
    ["Tab", "", "To the next button or field"],
  ],
};

const SHOWN = {
  ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: t("Esc"), Delete: t("Del"), Backspace: "⌫",
};

/** The name of what is pressed, such as "Ctrl+z"; letters are small, Shift is named only beside letters and names. */
export function combination(event) {
  const typed = event.getModifierState("AltGraph");
  const plain = event.key.length > 1 || /^\p{L}$/u.test(event.key);
  const parts = [];
  if (!typed && (event.ctrlKey || event.metaKey)) parts.push("Ctrl");
  if (!typed && event.altKey) parts.push("Alt");
  if (event.shiftKey && plain) parts.push("Shift");
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return [...parts, key].join("+");
}

/** Combination -> action; own has the one key of each action whose usual keys do not count. */
export function actionOf(own = {}) {
  const lines = Object.values(KEYS).flat().filter(([, action]) => action && !(action in own));
  const pairs = lines.flatMap(([keys, action]) => keys.split(" ").map((key) => [key, action]));
  return new Map([...pairs, ...Object.entries(own).map(([action, key]) => [key, action])]);
}

/** A combination in words. */
export const shownAs = (key) =>
  key === "+" ? key : key.split("+").map((k) => SHOWN[k] ?? (k.length === 1 ? k.toUpperCase() : t(k))).join(" ");

/** The help sheet's content: every key once; those of actions are buttons, to change them. keysOf gives the keys. */
export function helpSheet(keysOf) {
  return Object.entries(KEYS).map(([title, lines]) => {
    const section = document.createElement("section"), heading = document.createElement("h3");
    const list = document.createElement("dl");
    heading.textContent = t(title);
    for (const [keys, action, words] of lines) {
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      const holder = action ? document.createElement("button") : term;
      for (const key of action ? keysOf(action) : keys.split(" ")) {
        const cap = document.createElement("kbd");
        cap.textContent = shownAs(key);
        holder.append(cap, " ");
      }
      if (action) {
        Object.assign(holder, { type: "button", className: "plain", title: t("Choose another key") });
        holder.dataset.of = action;
        if (!holder.childElementCount) holder.textContent = t("none");
        term.append(holder);
      }
      meaning.textContent = t(words);
      list.append(term, meaning);
    }
    section.append(heading, list);
    return section;
  });
}
