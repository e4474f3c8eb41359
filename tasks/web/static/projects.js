// The list of several projects at one address: each tells by itself how it stands, and one that cannot keeps its place.

import { call } from "./server.js";

const AGAIN_MS = 10000;
const PATIENCE_MS = 15000;
const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");

function element(name, text = "", options = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...options });
}

function many(n, one) {
  return `${number.format(n)} ${one}${n === 1 ? "" : "s"}`;
}

/** What a project needs, of this person first: [text, page that helps or ""]. */
function needsOf({ me, state, has_room: hasRoom }) {
  const needs = [];
  if (me.open && me.role !== "viewer") needs.push([`${many(me.open, "frame")} to label`, ""]);
  if (me.reviews) needs.push([`${many(me.reviews, "answer")} to review`, "review"]);
  if (me.flagged) needs.push([`${many(me.flagged, "flagged frame")} to decide about`, "label"]);
  if (!hasRoom) needs.push(["its disk is full: answers cannot be stored until there is room", ""]);
  if (state.last_error) needs.push([`its last run failed: ${state.last_error}`, me.role === "lead" ? "dashboard/runs" : ""]);
  if (state.paused) needs.push([state.paused, ""]);
  if (state.round === null) needs.push(["no round has begun: the lead begins one with fewframes run", ""]);
  else if (state.over) needs.push([`over: ${state.over}`, ""]);
  else if (state.running) needs.push([`round ${state.round} is at work: nobody has to do anything`, ""]);
  else if (me.role === "viewer" && state.open) needs.push([`round ${state.round} waits for ${many(state.open, "frame")}`, ""]);
  return needs;
}

function link(name, page, text, primary = false) {
  return element("a", text, { className: primary ? "button primary" : "button", href: `p/${name}/${page}` });
}

function inWords(share) {
  return new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

function shown(name, standing) {
  const { me, frames, videos, covered, by_people: drawn } = standing;
  const share = frames ? Math.min(1, covered / frames) : 0;
  const progress = element("progress", "", { max: 1, value: share });
  progress.setAttribute("aria-label", `frames of ${name} that have masks`);
  const ways = element("div", "", { className: "ways" });
  const labels = me.role !== "viewer", looks = me.role !== "annotator";
  if (labels) ways.append(link(name, "label", "Label", me.open > 0));
  if (looks) ways.append(link(name, "dashboard/overview", "Dashboard", !labels));
  const needs = element("ul", "", { className: "needs" });
  for (const [text, page] of needsOf(standing)) {
    const item = element("li", page ? "" : text);
    if (page) item.append(element("a", text, { href: `p/${name}/${page}` }));
    needs.append(item);
  }
  const figures = `${inWords(share)} of ${many(frames, "frame")} in ${many(videos, "video")} have masks; people labelled ${many(drawn, "frame")}.`;
  const heading = element("div");
  heading.append(element("h2", name), element("span", `${me.name}, ${me.role}`, { className: "muted" }));
  return [heading, ways, progress, element("p", figures, { className: "muted" }), needs];
}

function troubled(name, { error, mend }) {
  return [element("h2", name), element("p", `${error}.`.replace(/\.\.$/, ".")), element("p", mend)];
}

/** How one project stands, or what is wrong with it. */
async function standingOf(name) {
  const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
  try {
    const reply = await fetch(`p/${name}/api/standing`, options);
    const content = await reply.json();
    return reply.ok ? { standing: content } : { trouble: content };
  } catch {
    return { trouble: { error: "it does not answer at the moment", mend: "This page asks again by itself." } };
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
