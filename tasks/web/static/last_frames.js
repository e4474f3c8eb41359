// The frames that a person answered last: a picture, what was said and when, and the way back to each.

import { element } from "./elements.js";

const SIDE = 160;

const WORDS = { absent: "nothing is here", reject: "not right", tag: "ticked" };

const said = ({ kind, n_masks }) => WORDS[kind] ?? `${n_masks} ${n_masks === 1 ? "object" : "objects"}`;

/** How long ago a time was, in words. */
export function ago(time, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(time)) / 60000), hours = Math.floor(minutes / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

/** Fill the list of last frames; open(frame) is what its buttons do. */
export function showLastFrames(root, frames, open) {
  root.replaceChildren(...frames.map((frame) => {
    const picture = element("img", { alt: "", loading: "lazy" });
    picture.src = `api/frames/${frame.video_id}/${frame.frame_idx}.jpg?long_side=${SIDE}`;
    const button = element("button", { type: "button", className: "known" }, picture,
      element("span", { className: "name", textContent: `${frame.video}, frame ${frame.frame_idx}` }),
      element("span", { className: "state", textContent: `${said(frame)}, ${ago(frame.answered_at)}` }));
    button.dataset.request = frame.request_id;
    button.addEventListener("click", () => open(frame));
    return element("li", {}, button);
  }));
}
