// The tagging view: a strip of pictures, each of which stands for its frames up to the next one; what is said of the
// marked ones about the chosen category goes out at once.

import { element } from "./elements.js";
import { Refused, call } from "./server.js";
import { heard, t } from "./words.js";

const byId = (id) => document.getElementById(id);

const CELLS = 40;
const WIDE = 320;
const IDLE_MS = 10000;
const SAID = { here: true, gone: false, open: null };
const SIGN = { here: "✓", gone: "✕", mixed: "…", open: "" };
const WORDS = { here: "it is there", gone: "none is there", mixed: "partly said", open: "not known" };

const state = { videos: [], categories: [], video: null, category: null, tags: [], ranges: [], cells: [], at: 0, from: 0 };
const clock = { last: performance.now(), worked: 0 };

/** Seconds of work since this was asked last; longer pauses count as ten seconds. */
function worked() {
  const now = performance.now();
  const seconds = clock.worked + Math.min(now - clock.last, IDLE_MS) / 1000;
  Object.assign(clock, { last: now, worked: 0 });
  return seconds;
}

function noteWork() {
  const now = performance.now();
  clock.worked += Math.min(now - clock.last, IDLE_MS) / 1000;
  clock.last = now;
}

/** Stretches of about equal length over some frames: [first, last] each. */
function stretches([first, last]) {
  const n = Math.min(CELLS, last - first + 1);
  const edge = (k) => first + Math.floor((k * (last - first + 1)) / n);
  return Array.from({ length: n }, (_, k) => [edge(k), edge(k + 1) - 1]);
}

/** What is said of a stretch about the chosen category. */
function saidOf([first, last]) {
  const mine = state.tags.filter((t) => t.category_id === state.category && t.first_frame <= last && t.last_frame >= first);
  if (!mine.length) return "open";
  const [one] = mine;
  const whole = mine.length === 1 && one.first_frame <= first && one.last_frame >= last;
  return whole ? (one.present ? "here" : "gone") : "mixed";
}

function marked() {
  return [Math.min(state.at, state.from), Math.max(state.at, state.from)];
}

function show() {
  const [low, high] = marked();
  state.cells.forEach((cell, k) => {
    const said = saidOf(cell.frames);
    cell.item.dataset.said = said;
    cell.item.setAttribute("aria-selected", String(k >= low && k <= high));
    cell.said.textContent = SIGN[said];
    cell.item.setAttribute("aria-label", t("frames {first} to {last}, {said}", { first: cell.frames[0], last: cell.frames[1], said: t(WORDS[said]) }));
  });
  byId("strip").setAttribute("aria-activedescendant", state.cells[state.at]?.item.id ?? "");
  byId("wider").hidden = state.ranges.length < 2;
  const [first, last] = state.ranges.at(-1) ?? [0, 0];
  byId("place").textContent = t("frames {first} to {last} of {n}", { first, last, n: state.video?.n_frames ?? 0 });
}

function lay() {
  state.cells = stretches(state.ranges.at(-1)).map((frames, k) => {
    const said = element("span", { className: "said" });
    const source = `api/frames/${state.video.video_id}/${frames[0]}.jpg?long_side=${WIDE}`;
    const words = frames[0] === frames[1] ? `${frames[0]}` : `${frames[0]} – ${frames[1]}`;
    const item = element("li", { id: `cell-${k}` },
      element("img", { src: source, alt: "", loading: "lazy" }), said, element("span", { className: "frames" }, words));
    item.setAttribute("role", "option");
    item.addEventListener("click", (event) => mark(k, event.shiftKey));
    item.addEventListener("dblclick", closer);
    return { frames, item, said };
  });
  Object.assign(state, { at: 0, from: 0 });
  byId("strip").replaceChildren(...state.cells.map(({ item }) => item));
  show();
}

function mark(k, more) {
  noteWork();
  state.at = Math.max(0, Math.min(state.cells.length - 1, k));
  if (!more) state.from = state.at;
  state.cells[state.at].item.scrollIntoView({ block: "nearest" });
  show();
}

function closer() {
  const [low, high] = marked();
  const frames = [state.cells[low].frames[0], state.cells[high].frames[1]];
  const [first, last] = state.ranges.at(-1);
  if (frames[1] - frames[0] < 1 || (frames[0] === first && frames[1] === last && last - first < CELLS)) return;
  state.ranges.push(frames);
  lay();
}

function wider() {
  if (state.ranges.length < 2) return;
  state.ranges.pop();
  lay();
}

async function say(word) {
  const [low, high] = marked();
  if (!state.cells.length || state.category === null) return;
  const frames = { first_frame: state.cells[low].frames[0], last_frame: state.cells[high].frames[1] };
  const body = { tags: [{ ...frames, category_id: state.category, present: SAID[word] }], seconds: worked() };
  byId("saved").textContent = t("saving");
  try {
    ({ tags: state.tags } = await call("POST", `api/tags/${state.video.video_id}`, body));
    byId("saved").textContent = t("saved");
    byId("problem").hidden = true;
    if (low === high && word !== "open" && state.at + 1 < state.cells.length) mark(state.at + 1, false);
  } catch (error) {
    refuse(error);
  }
  show();
}

function refuse(error) {
  byId("saved").textContent = t("not saved");
  byId("problem").textContent = error instanceof Refused ? `${heard(error.message)}. ${heard(error.mend)}` : t("The server does not answer. Try again.");
  byId("problem").hidden = false;
}

function choose(category) {
  noteWork();
  state.category = category;
  for (const button of byId("categories").children) {
    button.setAttribute("aria-checked", String(Number(button.dataset.category) === category));
    button.setAttribute("aria-pressed", String(Number(button.dataset.category) === category));
  }
  show();
}

async function openVideo(video) {
  state.video = video;
  state.ranges = [[0, video.n_frames - 1]];
  try {
    ({ tags: state.tags } = await call("GET", `api/tags/${video.video_id}`));
    lay();
  } catch (error) {
    refuse(error);
  }
}

const KEYS = {
  y: () => say("here"),
  n: () => say("gone"),
  u: () => say("open"),
  Enter: closer,
  Escape: wider,
  ArrowRight: (more) => mark(state.at + 1, more),
  ArrowLeft: (more) => mark(state.at - 1, more),
  ArrowDown: (more) => mark(state.at + across(), more),
  ArrowUp: (more) => mark(state.at - across(), more),
  Home: (more) => mark(0, more),
  End: (more) => mark(state.cells.length - 1, more),
  a: () => {
    state.from = 0;
    mark(state.cells.length - 1, true);
  },
};

/** Pictures in a row of the strip. */
function across() {
  const top = state.cells[0]?.item.offsetTop;
  return Math.max(1, state.cells.filter(({ item }) => item.offsetTop === top).length);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, button, a")) return;
  const category = state.categories.find(({ key }) => key === event.key);
  const act = category ? () => choose(category.category_id) : KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(event.shiftKey);
});

async function begin() {
  for (const button of document.querySelectorAll("[data-says]")) {
    button.addEventListener("click", () => say(button.dataset.says));
  }
  byId("closer").addEventListener("click", closer);
  byId("wider").addEventListener("click", wider);
  try {
    [{ videos: state.videos }, { categories: state.categories }] = await Promise.all([call("GET", "api/tags"), call("GET", "api/categories")]);
  } catch (error) {
    refuse(error);
    return;
  }
  byId("videos").replaceChildren(...state.videos.map((v) => element("option", { value: String(v.video_id) }, v.name)));
  byId("videos").addEventListener("change", () => {
    openVideo(state.videos.find((v) => String(v.video_id) === byId("videos").value));
    byId("strip").focus();
  });
  byId("categories").replaceChildren(...state.categories.map((c) => {
    const button = element("button", { type: "button" }, c.name, element("kbd", {}, c.key));
    button.dataset.category = String(c.category_id);
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => choose(c.category_id));
    return button;
  }));
  if (state.videos.length) await openVideo(state.videos[0]);
  if (state.categories.length) choose(state.categories[0].category_id);
  byId("strip").focus();
}

begin();
