// Keys and buttons: each leads to an action of the page by its name.

import { combination } from "./keys.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ONCE = ["acceptFrame", "refuseMasks", "nothingHere", "undoLast"];

/** True when the key was the cursor's that the keyboard moves. */
function moveCursor(editor, event, pressed) {
  const arrow = ARROWS[event.key], step = event.shiftKey ? 10 : 1;
  if (arrow && !event.altKey) editor.moveCursor(arrow[0] * step, arrow[1] * step);
  else if (["Space", "Shift+Space"].includes(pressed)) editor.pressCursor(event.shiftKey);
  else return false;
  return true;
}

/**
 * Listen for the rest of the page's life. keys say which action a key is, ready() says whether there is a frame,
 * chooseCategory(n) takes the digits, chooseAttribute(n) those that are pressed with Alt, active() is called for every sign of life.
 */
export function listen({ actions, keys, editor, stage, ready, chooseCategory, chooseAttribute, active }) {
  function onKey(event) {
    if (event.target.closest("input:not([type=range]), select, textarea, dialog")) return;
    const pressed = combination(event), action = keys.action(pressed);
    if (event.target.closest("button, a, summary") && ["Enter", "Space"].includes(pressed)) return;
    if (event.target.type === "range" && pressed.startsWith("Arrow")) return;
    if (!ready() && !["help", "guide", "lastFrames", "undoLast"].includes(action)) return;
    if (editor.keyboard && moveCursor(editor, event, pressed)) return void event.preventDefault();
    if (pressed === "Space") editor.spaceHeld = true;
    if (/^[1-9]$/.test(pressed)) chooseCategory(Number(pressed));
    // Alt makes other signs of digits on some keyboards.
    if (/^Alt\+/.test(pressed) && /^Digit[1-9]$/.test(event.code)) {
      event.preventDefault();
      chooseAttribute(Number(event.code.at(-1)));
    }
    if (action || pressed === "Space") event.preventDefault();
    if (action && !(event.repeat && ONCE.includes(action))) actions[action]();
  }

  addEventListener("keydown", onKey);
  addEventListener("keyup", (event) => event.key === " " && (editor.spaceHeld = false));
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) {
    addEventListener(name, active, { capture: true, passive: true });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    actions[button.dataset.action]();
    // Whoever clicked a button goes on with keys that are meant for the frame.
    const dialog = document.querySelector("dialog[open]"), goOn = () => stage.focus({ preventScroll: true });
    if (event.detail && dialog) dialog.addEventListener("close", goOn, { once: true });
    else if (event.detail) goOn();
  });
}
