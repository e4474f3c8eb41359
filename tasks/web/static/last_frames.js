// The frames that a person answered last: a picture, what was said and when, and the way back to each.

import { element } from "./elements.js";
import { counted, t } from "./words.js";

const SIDE = 160;

const WORDS = { absent: "nothing is here", reject: "not right", tag: "ticked" };

const said = ({ kind, n_masks }) => (WORDS[kind] ? t(WORDS[kind]) : counted(n_masks, "{n} object", "{n} objects"));

/** How long ago a time was, in words. */
export function ago(time, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(time)) / 60000), hours = Math.floor(minutes / 60);
  if (minutes < 1) return t("just now");
  if (minutes < 60) return t("{n} min ago", { n: minutes });
  return hours < 48 ? t("{n} h ago", { n: hours }) : t("{n} days ago", { n: Math.floor(hours / 24) });
}

/** Fill the list of last frames; open(frame) is what its buttons do. */
export function showLastFrames(root, frames, open) {
  root.replaceChildren(...frames.map((frame) => {
    const picture = element("img", { alt: "", loading: "lazy" });
    picture.src = `api/frames/${frame.video_id}/${frame.frame_idx}.jpg?long_side=${SIDE}`;
    const button = element("button", { type: "button", className: "known" }, picture,
      element("span", { className: "name", textContent: t("{video}, frame {frame}", { video: frame.video, frame: frame.frame_idx }) }),
      element("span", { className: "state", textContent: `${said(frame)}, ${ago(frame.answered_at)}` }));
    button.dataset.request = frame.request_id;
    button.addEventListener("click", () => open(frame));
    return element("li", {}, button);
  }));
}
