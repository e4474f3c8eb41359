// The objects of the video, as the server knows them: a number for each new one, and a list to choose from. Where the
// server is away, numbers are guessed and mended when it is back.

import { element } from "./elements.js";
import { call } from "./server.js";
import { t } from "./words.js";

const AGAIN_MS = 3000, MOST_FRAMES = 6;

/** Tells "list" when the objects of the video are known, and "mended" when a guessed number was replaced. */
export class VideoObjects extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { video: null, drawing: null, list: [], labelled: [], spare: null, asking: false, timer: 0 });
  }

  /** Take a frame: its video, and what is drawn on it. */
  async open(video, drawing) {
    if (video !== this.video) Object.assign(this, { list: [], labelled: [], spare: null });
    Object.assign(this, { video, drawing });
    clearTimeout(this.timer);
    this.#ask();
    const known = await call("GET", `api/objects/${video}`).catch(() => null);
    if (drawing !== this.drawing || !known) return;
    Object.assign(this, { list: known.objects, labelled: known.labelled });
    this.dispatchEvent(new Event("list"));
  }

  /** Take what is drawn now, in another frame of the same video. */
  draw(drawing) {
    this.drawing = drawing;
  }

  get numbers() {
    return this.list.map((known) => known.track_id);
  }

  find(track) {
    return this.list.find((known) => known.track_id === track);
  }

  /** The number of a new object, and whether it is a guess. */
  number() {
    const here = this.drawing.numbers, { spare } = this;
    this.spare = null;
    if (spare !== null && !here.includes(spare)) return { track_id: spare, guessed: false };
    return { track_id: this.drawing.freeTrack(this.numbers), guessed: true };
  }

  /** Ask for the next number; objects with guessed ones come first. */
  async #ask() {
    if (this.asking || this.spare !== null) return;
    const { video, drawing } = this;
    this.asking = true;
    // A guess may be somebody else's number.
    const taken = drawing.objects.filter((object) => !object.guessed).map((object) => object.track);
    const path = `api/objects/${video}/number`;
    const found = await call("POST", path, { taken }).catch(() => null);
    this.asking = false;
    if (video === this.video && drawing === this.drawing && found) this.#use(found.track_id);
    else this.timer = setTimeout(() => this.#ask(), found ? 0 : AGAIN_MS);
  }

  #use(number) {
    const { drawing } = this, guessed = drawing.objects.find((object) => object.guessed);
    if (guessed) {
      const other = drawing.objects.find((object) => object !== guessed && object.track === number);
      if (!other || other.guessed) {
        if (other) other.track = guessed.track;
        Object.assign(guessed, { track: number, guessed: false });
      }
      this.dispatchEvent(new Event("mended"));
      this.#ask();
    } else {
      this.spare = number;
    }
  }

  /** Something was drawn: there may be an object without a number of its own, or the spare one was used. */
  changed() {
    if (this.drawing) this.#ask();
  }

  /** Objects of the frame whose category is another than where people drew the same number. */
  contradictions(objects) {
    return objects.filter((object) => {
      const known = this.find(object.track);
      return !object.ignored && !object.sure && known?.labelled.length && known.category_id !== object.category;
    });
  }
}

const frames = ({ labelled, first_frame, last_frame }) =>
  t(labelled.length ? "drawn in frames {first} to {last}" : "found in frames {first} to {last}", {
    first: first_frame, last: last_frame,
  });

/** Fill the list of the video's objects; choose(object) and open(frame) are what its buttons do. */
export function showObjects(root, objects, { colourOf, nameOf, choose, open }) {
  root.replaceChildren(...objects.list.map((known) => {
    const picture = element("img", { alt: "", loading: "lazy" });
    picture.src = `api/objects/${objects.video}/${known.track_id}.jpg`;
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colourOf(known.track_id);
    const button = element("button", { type: "button", className: "known" }, picture, swatch,
      element("span", { className: "name", textContent: nameOf(known) }),
      element("span", { className: "state", textContent: frames(known) }));
    button.dataset.track = known.track_id;
    button.addEventListener("click", () => choose(known));
    const places = known.labelled.slice(-MOST_FRAMES).map((frame) => {
      const place = element("button", { type: "button", className: "place", textContent: frame });
      place.setAttribute("aria-label", t("look at frame {frame}", { frame }));
      place.addEventListener("click", () => open(frame));
      return place;
    });
    return element("li", {}, button, element("span", { className: "places" }, ...places));
  }));
}
