// The list of several projects at one address: each tells by itself how it stands, and one that cannot keeps its place.

import { call } from "./server.js";
import { counted, heard, t } from "./words.js";

const AGAIN_MS = 10000;
const PATIENCE_MS = 15000;
const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang || "en";

function element(name, text = "", options = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...options });
}

/** What a project needs, of this person first: [text, page that helps or ""]. */
function needsOf({ me, state, has_room: hasRoom }) {
  const needs = [], { round } = state, looksOnly = me.role === "viewer";
  if (me.open && !looksOnly) needs.push([counted(me.open, "{n} frame to label", "{n} frames to label"), ""]);
  if (me.reviews) needs.push([counted(me.reviews, "{n} answer to review", "{n} answers to review"), "review"]);
  if (me.flagged) needs.push([counted(me.flagged, "{n} flagged frame to decide about", "{n} flagged frames to decide about"), "label"]);
  if (!hasRoom) needs.push([t("its disk is full: answers cannot be stored until there is room"), ""]);
  if (state.last_error) {
    const why = heard(state.last_error);
    needs.push([t("its last run failed: {why}", { why }), me.role === "lead" ? "dashboard/runs" : ""]);
  }
  if (state.paused) needs.push([heard(state.paused), ""]);
  if (round === null) needs.push([t("no round has begun: the lead begins one with fewframes run"), ""]);
  else if (state.over) needs.push([t("over: {why}", { why: heard(state.over) }), ""]);
  else if (state.running) needs.push([t("round {round} is at work: nobody has to do anything", { round }), ""]);
  else if (looksOnly && state.open) {
    needs.push([counted(state.open, "round {round} waits for {n} frame", "round {round} waits for {n} frames", { round }), ""]);
  }
  return needs;
}

function link(name, page, text, primary = false) {
  const made = element("a", text, { className: "button", href: `p/${name}/${page}` });
  made.classList.toggle("primary", primary);
  return made;
}

function inWords(share) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

function shown(name, standing) {
  const { me, frames, videos, covered, by_people: drawn } = standing;
  const share = frames ? Math.min(1, covered / frames) : 0;
  const progress = element("progress", "", { max: 1, value: share });
  progress.setAttribute("aria-label", t("frames of {name} that have masks", { name }));
  const ways = element("div", "", { className: "ways" });
  const labels = me.role !== "viewer", looks = me.role !== "annotator";
  if (labels) ways.append(link(name, "label", t("Label"), me.open > 0));
  if (looks) ways.append(link(name, "dashboard/overview", t("Dashboard"), !labels));
  const needs = element("ul", "", { className: "needs" });
  for (const [text, page] of needsOf(standing)) {
    const item = element("li", page ? "" : text);
    if (page) item.append(element("a", text, { href: `p/${name}/${page}` }));
    needs.append(item);
  }
  const figures = t("Frames with masks: {share} of {frames} (videos: {videos}); labelled by people: {drawn}", {
    share: inWords(share), frames: frames.toLocaleString(language), videos, drawn: drawn.toLocaleString(language),
  });
  const heading = element("div");
  heading.append(element("h2", name), element("span", `${me.name}, ${heard(me.role)}`, { className: "muted" }));
  return [heading, ways, progress, element("p", figures, { className: "muted" }), needs];
}

function troubled(name, { error, mend }) {
  return [element("h2", name), element("p", heard(error)), element("p", heard(mend))];
}

/** How one project stands, or what is wrong with it. */
async function standingOf(name) {
  const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
  try {
    const reply = await fetch(`p/${name}/api/standing`, options);
    const content = await reply.json();
    return reply.ok ? { standing: content } : { trouble: content };
  } catch {
    return { trouble: { error: t("it does not answer at the moment"), mend: t("This page asks again by itself.") } };
  }
}

async function look(name, row) {
  const { standing, trouble } = await standingOf(name);
  row.className = trouble ? "trouble" : "";
  row.replaceChildren(...(trouble ? troubled(name, trouble) : shown(name, standing)));
}

function row(name) {
  const item = element("li");
  item.dataset.project = name;
  item.append(element("h2", name));
  const again = async () => {
    if (!document.hidden) await look(name, item);
    setTimeout(again, AGAIN_MS);
  };
  again();
  return item;
}

async function leave(names) {
  for (const name of names) await call("POST", `p/${name}/api/leave`).catch(() => null);
  await call("POST", "api/leave");
  location.reload();
}

const { projects } = await call("GET", "api/projects");
byId("list").hidden = !projects.length;
byId("nobody").hidden = projects.length > 0;
byId("sign-in").open = !projects.length;
byId("projects").append(...projects.map(row));
byId("leave").addEventListener("click", () => leave(projects));
