// The labelling page: puts its parts together and gives every action a key and a button.

import { Asked } from "./asked.js";
import { Audit } from "./audit.js";
import { ActiveClock } from "./clock.js";
import { Chosen } from "./chosen.js";
import { Clip } from "./clip.js";
import { Drawing } from "./drawing.js";
import { Editor, TOOLS } from "./editor.js";
import { Evidence } from "./evidence.js";
import * as guide from "./guide.js";
import { listen } from "./input.js";
import { Keeper } from "./keeper.js";
import { helpSheet } from "./keys.js";
import { showLastFrames } from "./last_frames.js";
import { Look, press } from "./look.js";
import { Looks } from "./looks.js";
import { NOWHERE } from "./masks.js";
import { VideoObjects, showObjects } from "./objects.js";
import { Messages, sentences } from "./messages.js";
import { Notes } from "./notes.js";
import { OwnKeys, listenForKeys } from "./own_keys.js";
import { Panel } from "./panel.js";
import { Preferences } from "./preferences.js";
import { Preview } from "./preview.js";
import { Reason } from "./reason.js";
import { Review } from "./review.js";
import { call } from "./server.js";
import { Sketch } from "./sketch.js";
import { Tabs } from "./tabs.js";
import { Tracking, WHY } from "./tracking.js";
import { MaskLayer, View } from "./view.js";
import { Work } from "./work.js";
import { counted, decimal, heard, offerLanguages, t } from "./words.js";

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const setup = JSON.parse(byId("setup").textContent);
const stage = byId("stage"), app = byId("app");
const messages = new Messages(app);
const clock = new ActiveClock();

let drawing = null, layer = null, contextLayer = null, heat = null, seen = null, work = null, copied = null;
let tabs = null, leads = false, ahead = null, pointed = null, notes = null;
// What is drawn in the frame in hand; drawing is that of the frame that is worked on, which may be a tracked one.
let own = null, tracking = null, direction = 1;

const colourOf = (track) => (track > 0 ? setup.colours[(track - 1) % setup.colours.length] : "#9aa3ad");
const patternOf = (track) => Math.floor(Math.max(0, track - 1) / setup.colours.length);
const view = new View(stage, byId("picture"), byId("overlay"), drawOver);
const editor = new Editor(view, colourOf, refine);
const preview = new Preview(editor, (question) => work.preview(question), () => elsewhere());
const sketch = new Sketch(view, colourOf, (question) => work.preview(question));
const look = new Look(byId("picture"), () => view.redrawOverlay());
const clip = new Clip(byId("clip"), () => editor.busy > 0);
const chosen = new Chosen(), panel = new Panel(byId("side"), colourOf, actOnObject, chosen);
const reason = new Reason(byId("why"), setup.components, () => view.redrawOverlay());
const known = new VideoObjects(), asked = new Asked(colourOf), evidence = new Evidence();
const review = new Review(setup.review), keys = new OwnKeys();
const elsewhere = () => (seen === null ? {} : { frame_idx: seen });
const audit = new Audit(stage, (event) => view.toImage(event), () => view.redrawOverlay());
const MOST_TRACK = 65534, AHEAD_MS = 300, LEAST_LOOKS = 4;
const NUMBER_ROOM = 350; // CSS pixels of a mask for each digit of its number, and for the edge
const looks = new Looks({
  colourOf,
  nameOf: ({ categories }, { track_id, category_id }) =>
    `${categories.find((c) => c.category_id === category_id)?.name ?? "object"} ${track_id}`,
  keep: (tasks) => work.keepAll(tasks),
  send: (answers, left) => {
    looks.close();
    work.submitAll(answers, left);
  },
  leave: leaveLooks,
  keeper: () => work.keeper,
  tell: (text) => messages.tell(text),
});

/** The mask that the server makes of a gesture; one that was seen before it was made is there already. */
async function refine(object, question) {
  const asked = { track_id: object.track, category_id: object.category, ...question, ...elsewhere() };
  const seenBefore = preview.answerTo(asked);
  if (seenBefore) return seenBefore;
  sketch.drop();
  await sketch.show(object, asked, drawing.rleOf(object));
  const { number } = sketch, began = performance.now(), rle = await work.refine(asked);
  if (number === sketch.number) sketch.drop();
  if (rle) preview.took(performance.now() - began);
  else if (!work.online) messages.tell(t("The server did not answer, so no mask came of that. Draw it again, or with brush or polygon."));
  return rle;
}

// ---- what is seen

function drawOver(context, scale) {
  if (!drawing) return;
  const away = seen !== null, onlySeen = away && !tracking.here, filled = onlySeen ? contextLayer : layer;
  if (heat && look.heat && !away) context.drawImage(heat, 0, 0, view.width, view.height);
  if (!look.hidden) {
    context.globalAlpha = look.outlineOnly && !onlySeen ? 0 : look.opacity;
    context.drawImage(filled.canvas, 0, 0);
    context.globalAlpha = 1;
    const outlined = drawing.objects.includes(pointed) ? pointed : drawing.selected;
    if (!onlySeen) layer.drawOutlines(context, scale, drawing.objects, outlined);
  }
  preview.drawOver(context, scale);
  sketch.drawOver(context, scale);
  editor.drawOver(context, scale);
  if (!onlySeen && !look.hidden) view.write(context, numbersSeen());
  if (!away) reason.drawOver(context, scale);
  if (!away) audit.drawOver(context, scale);
}

/** What is written on the picture: every object's number, and the name of the one under the pointer. */
/** Whether a number leaves most of a mask to be seen. */
function hasRoom({ box: { x0, y0, x1, y1 }, track }) {
  return (x1 - x0) * (y1 - y0) * view.scale ** 2 > NUMBER_ROOM * (1 + String(track).length);
}

function numbersSeen() {
  const under = editor.pointer && !editor.drag ? drawing.at(...editor.pointer) : null;
  const named = drawing.objects.filter((o) => o.visible && ((look.numbers && (o === drawing.selected || hasRoom(o))) || o === under));
  return named.filter((o) => o !== drawing.stroke?.object).flatMap((object) => {
    const point = drawing.anchorOf(object);
    const text = object === under ? panel.nameOf(object) : object.ignored ? "" : String(object.track);
    return point && text ? [[text, point, colourOf(object.track)]] : [];
  });
}

function showTools() {
  for (const tool of TOOLS) press(tool, editor.tool === tool);
  for (const name of ["minus", "cutting", "keyboard"]) press(name, editor[name]);
  byId("tool-name").textContent = setup.tools[editor.tool];
  byId("radius").value = Math.log2(editor.radius);
  byId("radius-text").textContent = `${Math.round(editor.radius * 2)} px`;
  byId("size").hidden = !["brush", "eraser"].includes(editor.tool);
  byId("sign").hidden = !["polygon", "click", "scribble", "brush"].includes(editor.tool);
  stage.dataset.tool = editor.tool;
  stage.classList.toggle("busy", editor.busy > 0);
}

function showState() {
  const { online, signedOut, sending, saved } = work;
  const waiting = work.keeper.pending().length;
  messages.connection(online, signedOut, waiting);
  messages.lateDrawings(work.keeper.late().length);
  byId("saved").dataset.state = !online || signedOut ? "here" : saved;
  byId("saved").textContent =
    t(!online || signedOut ? "kept on this device" : sending ? "sending" : saved === "saved" ? "saved" : "saving");
  editor.editable = Boolean(work.task) && !sending && (seen === null || Boolean(tracking.here)) && !audit.judges;
  stage.classList.toggle("locked", !editor.editable);
  for (const id of ["accept", "nothing", "skip", "flag", "drop"]) {
    byId(id).disabled = sending || !work.task || (id !== "accept" && seen !== null);
  }
  for (const name of ["trackForward", "trackBackward"]) press(name, tracking.runs && (name === "trackForward") === (direction > 0));
  press("every", tracking.every);
  const again = Boolean(work.task?.reopened);
  byId("skip").textContent = again ? t("Leave it as it was") : t("Skip");
  byId("flag").hidden = again;
  byId("drop").hidden = again || !leads;
}

function showFinish() {
  if (!drawing) return;
  const kind = drawing.kind();
  const words = { absent: "Nothing is here", accept: "Accept frame", mask: "Save and go on" };
  const once = tracking.here ? "All is right" : drawing.untouched ? "Go on" : words[kind];
  byId("accept-text").textContent = review.on ? review.words(drawing) : t(once);
  byId("nothing").hidden = kind === "absent" && (review.on || !drawing.untouched);
  const left = drawing.objects.filter((o) => !o.accepted).length;
  const all = drawing.objects.length;
  // Nobody has to accept them one by one: nothing is counted before somebody does.
  byId("left").textContent = all > left ? t("{n} of {all} accepted", { n: all - left, all }) : "";
}

setInterval(() => {
  byId("seconds").textContent = work?.task ? `${Math.floor(clock.seconds)} s` : "";
  byId("seconds").classList.toggle("idle", clock.idle > 10);
}, 500);

// ---- a frame comes

/** Where a yes or no is asked for several frames, show their masks together; who left that goes on one by one. */
async function lookTogether(task) {
  if (review.on || asked.kind !== "accept" || task.reopened || looks.declined) return;
  const tasks = await work.looks();
  const mine = tasks.filter(({ request_id }) => request_id === task.request_id);
  const others = tasks.filter(({ request_id }) => request_id !== task.request_id);
  const enough = others.length > 0 || task.masks.length >= LEAST_LOOKS;
  if (work.task !== task || !mine.length || !enough || drawing.done.length) {
    return void work.giveBack(others);
  }
  task.lease.token = mine[0].lease.token;
  looks.open(tasks);
  showPlaces(tasks);
}

async function leaveLooks() {
  if (!looks.isOpen) return;
  const others = looks.tasks.filter(({ request_id }) => request_id !== work.task?.request_id);
  looks.close();
  looks.declined = true;
  if (work.task) showPlace(work.task);
  stage.focus({ preventScroll: true });
  await work.giveBack(others);
}

function open({ task, drawn }) {
  const { frame } = task;
  app.dataset.state = "open";
  messages.task();
  tracking.open(task);
  drawing = own = new Drawing(frame.height, frame.width, task.masks, drawn);
  layer = new MaskLayer(frame.height, frame.width, colourOf, patternOf);
  contextLayer = new MaskLayer(frame.height, frame.width, colourOf, patternOf);
  [seen, heat, copied, pointed] = [null, null, null, null];
  view.open(frame.width, frame.height);
  editor.open(drawing, newObject);
  layer.paint(drawing.everything, drawing.objects, drawing.selected);
  listenTo(drawing);
  chosen.clear();
  panel.open(drawing, task);
  known.open(task.frame.video_id, drawing);
  evidence.open();
  const tool = asked.open(task, drawing, known.list, nameOfKnown);
  if (tool) editor.choose(tool);
  const audited = audit.open(task, drawing, (object) => panel.nameOf(object));
  if (audited) view.zoomTo(audited.box);
  looks.close();
  lookTogether(task);
  reason.open(task, drawing, (object) => panel.nameOf(object));
  showPlace(task);
  review.open(task);
  notes.open(task);
  look.set({ heat: false });
  clip.open(task);
  showState();
  showFinish();
  loadPicture(task);
  loadHeat(task);
  stage.focus({ preventScroll: true });
  const where = t("Frame {frame} of {video}", { frame: frame.frame_idx, video: frame.video });
  messages.say(sentences(where, reason.sentence, counted(drawing.objects.length, "{n} object", "{n} objects")));
}

const listened = new WeakSet();

/** Show what is done to a drawing, while it is the one that is worked on. */
function listenTo(one) {
  if (listened.has(one)) return;
  listened.add(one);
  one.addEventListener("change", ({ detail }) => one === drawing && repaint(detail));
  one.addEventListener("select", ({ detail }) => {
    if (one !== drawing) return;
    if (!chosen.has(drawing.selected)) chosen.clear();
    layer.paint(detail.rect, drawing.objects, drawing.selected);
    panel.refresh();
    panel.reveal();
    view.redrawOverlay();
  });
}

/** Work on the frame that is looked at: the one in hand, or one that objects were carried to. */
function take(frame) {
  const { task } = work, next = frame?.drawing ?? own, before = drawing.selected;
  if (frame) tracking.enter(frame);
  if (next === drawing) return;
  drawing = next;
  chosen.clear();
  listenTo(drawing);
  editor.open(drawing, newObject);
  panel.open(drawing, task);
  known.draw(drawing);
  const same = drawing.objects.find((o) => o.track === before?.track);
  if (same) drawing.select(same);
  layer.paint(drawing.everything, drawing.objects, drawing.selected);
  view.redrawOverlay();
  showFinish();
}

function showPlace({ frame, queue }) {
  byId("video").textContent = frame.video;
  byId("place").textContent = t("frame {frame} of {all} · {time} s", {
    frame: frame.frame_idx, all: frame.n_frames, time: decimal(frame.time_seconds, 2),
  });
  Object.assign(byId("queue"), { max: Math.max(1, queue.open + queue.done), value: queue.done });
  byId("queue-text").textContent = t("{done} of {all} done · {mine} by you", {
    done: queue.done, all: queue.open + queue.done, mine: queue.mine,
  });
}

/** Where masks of several frames are judged, each says its own. */
function showPlaces(tasks) {
  byId("video").textContent = [...new Set(tasks.map(({ frame }) => frame.video))].join(", ");
  byId("place").textContent = counted(tasks.length, "{n} frame", "{n} frames");
}

const pictureOf = ({ video_id, frame_idx }) => `api/frames/${video_id}/${frame_idx}.jpg`;

async function loadPicture(task) {
  const address = pictureOf(task.frame), image = ahead?.address === address ? ahead.image : new Image();
  image.src ||= address;
  for (let wait = 1000; work.task === task; wait = Math.min(10000, wait * 1.5)) {
    if (await image.decode().then(() => true, () => false)) break;
    // What an image cannot tell: why it is not there.
    call("GET", address).catch(({ message, mend }) => mend && messages.tell(sentences(message, mend)));
    await pause(wait);
    image.src = `${address}?again=${wait}`;
  }
  if (work.task !== task) return;
  task.image = image;
  if (seen === null) view.show(image);
  app.dataset.picture = "shown";
  fetchAhead(task);
}

/** Fetch the picture of the frame that comes next, so that it is there when this one is sent. */
async function fetchAhead(task) {
  await pause(AHEAD_MS);
  const next = work.task === task ? await work.upcoming() : null;
  if (!next || work.task !== task) return;
  ahead = { address: pictureOf(next), image: new Image() };
  ahead.image.src = ahead.address;
  // A frame that cannot be had now is asked for again when it is in hand.
  ahead.image.decode().catch(() => null);
}

async function loadHeat(task) {
  const button = byId("heat"), image = new Image();
  button.disabled = true;
  image.src = `api/disagreement/${task.frame.video_id}/${task.frame.frame_idx}.png`;
  if (await image.decode().then(() => true, () => false) && work.task === task) {
    heat = image;
    button.disabled = false;
    reason.setDoubt(image);
  }
}

function repaint({ rect, unfinished }) {
  layer.paint(rect, drawing.objects, drawing.selected);
  reason.set(false);
  if (unfinished) return;
  known.changed();
  panel.refresh();
  showFinish();
  if (drawing === own) work.changed();
  else tracking.changed();
}

clip.addEventListener("show", ({ detail }) => {
  const { frame, image, masks, missing } = detail;
  if (seen === frame && tracking.here) return;
  tracking.leave();
  seen = frame === clip.own ? null : frame;
  const tracked = seen === null ? null : tracking.at(frame);
  if (seen !== null) contextLayer.paintCodes(tracked ? tracked.drawing.masks() : masks);
  take(tracking.runs ? null : tracked);
  if (tracked) showSharp(frame);
  view.show(seen === null ? work.task.image : image);
  byId("elsewhere").hidden = seen === null;
  byId("elsewhere-text").textContent = missing ? t("frame {frame} cannot be loaded now", { frame }) : told(frame, tracked);
  editor.cancel();
  showState();
});

function told(frame, tracked) {
  if (!tracked) return t("frame {frame}: only to look at", { frame });
  if (tracking.runs) return t("frame {frame}: carried along", { frame });
  return t("frame {frame}: correct it or go on", { frame });
}

/** Clips are shown smaller than they are; who corrects sees every pixel. */
async function showSharp(frame) {
  const { task } = work, image = new Image();
  image.src = pictureOf({ video_id: task.frame.video_id, frame_idx: frame });
  const there = await image.decode().then(() => true, () => false);
  if (there && seen === frame && task === work.task && !tracking.runs) view.show(image);
}

known.addEventListener("list", () => {
  panel.suggest(known.list);
  asked.list(known.list, nameOfKnown);
  clip.mark(known.labelled);
});

known.addEventListener("mended", () => {
  layer.paint(drawing.everything, drawing.objects, drawing.selected);
  view.redrawOverlay();
  panel.refresh();
  work.changed();
});

// ---- objects are carried on

/** Carry objects on from the frame that is worked on, or stop. */
async function track(step) {
  if (stopTracking() || !editor.editable || editor.busy || review.on) return;
  editor.closePolygon();
  if (!tracking.carried(drawing).length) return void messages.tell(t("Draw an object first, or choose one."));
  direction = step;
  messages.tell(t("The object is carried along. Any gesture or key stops it."));
  await tracking.start(drawing, seen ?? clip.own, step, (frame) => clip.visit(frame));
}

/** Stop where the object is now, which can be corrected at once; false when nothing was carried. */
function stopTracking() {
  if (!tracking.stop()) return false;
  workHere();
  return true;
}

function workHere() {
  if (seen === null) return;
  const frame = tracking.at(seen);
  take(frame);
  if (frame) showSharp(seen);
  byId("elsewhere-text").textContent = told(seen, frame);
  showState();
}

/** Say that all is right in the frame, and look at the next one that objects were carried to. */
function confirmTracked() {
  if (editor.closePolygon()) return;
  if (editor.busy) return void messages.tell(t("The server is still working on a mask."));
  tracking.confirm();
  const next = seen + direction;
  messages.tell(t("Frame {frame} is labelled.", { frame: seen }));
  clip.mark((known.labelled = [...known.labelled, seen]));
  if (tracking.at(next)) clip.visit(next);
}

// ---- actions

function nameOfKnown({ track_id, category_id }) {
  return `${panel.names.get(category_id) ?? t("object")} ${track_id}`;
}

function newObject(forGesture = false) {
  const category_id = drawing.selected?.category || panel.usual, { track_id, guessed } = known.number();
  const object = drawing.add({ track_id, category_id }, forGesture);
  object.guessed = guessed;
  known.changed();
  return object;
}

function actOnObject(action, object, value) {
  if (action === "select") choose(object, value);
  if (action === "point") {
    pointed = object;
    return view.redrawOverlay();
  }
  if (action === "visible") {
    for (const one of chosen.has(object) ? chosen.of(drawing) : [object]) drawing.setVisible(one, value);
  }
  if (!editor.editable) return panel.refresh();
  if (action === "category") setCategory(object, value);
  if (action === "track") setTrack(object, value);
  if (action === "attribute") toggleAttribute(object, value);
  return null;
}

/** A row of the list was pressed, with Ctrl or Shift for several. */
function choose(object, event = {}) {
  const before = drawing.selected, next = chosen.press(object, event, panel.listed, before);
  drawing.select(next);
  if (next === before) panel.refresh();
}

function setCategory(object, category) {
  const several = chosen.of(drawing).filter((o) => !o.ignored);
  if (several.length > 1 && category && panel.names.has(category)) return drawing.assignAll(several, category);
  if (category === object.category || !panel.names.has(category)) return null;
  if (category === 0 || object.track) return drawing.assign(object, { category, track: category && object.track });
  const { track_id, guessed } = known.number();
  drawing.assign(object, { category, track: track_id });
  object.guessed = guessed;
  return known.changed();
}

/** Each category has a digit: the one that a lead gave it, or the next that is free. */
function chooseCategory(digit) {
  const meant = [...panel.categories.values()].find((c) => c.key === `${digit}`);
  if (meant && drawing.selected && editor.editable) setCategory(drawing.selected, meant.category_id);
}

/** Say of the selected objects what may be said beside their masks, or take it back. */
function toggleAttribute(object, name) {
  const has = object.attributes.includes(name), several = chosen.of(drawing).filter((o) => !o.ignored);
  for (const one of several.length > 1 ? several : [object]) {
    const rest = one.attributes.filter((other) => other !== name);
    drawing.assign(one, { attributes: has ? rest : [...rest, name].sort() });
  }
}

function chooseAttribute(digit) {
  const object = drawing.selected, meant = object && !object.ignored && panel.attributes.of(object)[digit - 1];
  if (meant && editor.editable) toggleAttribute(object, meant.name);
}

/** Offer the categories as they are now. */
function offer({ categories }) {
  panel.offer(categories);
  if (drawing) panel.refresh();
}

/** Say that an object is the one of a number; where another object here has it, the two may swap. */
async function setTrack(object, track, category = object.category) {
  if (track === object.track) return;
  if (!Number.isInteger(track) || track < 1 || track > MOST_TRACK) {
    messages.tell(t("A number is a whole number from 1 to {most}; it was not changed.", { most: MOST_TRACK }));
    panel.track.value = object.track || "";
    return;
  }
  const other = drawing.objects.find((o) => o !== object && o.track === track);
  if (!other) {
    drawing.assign(object, { track, category });
    return;
  }
  panel.track.value = object.track || "";
  const { task } = work, names = [other, object].map((o) => panel.nameOf(o));
  const agreed = await messages.ask("swap", t("{other} has this number here. Swap it with {object}?", {
    other: names[0], object: names[1],
  }));
  if (agreed && task === work.task && editor.editable) drawing.swap(object, other);
}

/** The object under the pointer that is not the selected one; says what to do where there is none. */
function otherUnderPointer() {
  const others = drawing.objects.filter((o) => o !== drawing.selected && o.visible);
  const found = editor.pointer && others.filter((o) => drawing.covers(o, editor.pointer));
  const other = found?.sort((a, b) => drawing.areaOf(a) - drawing.areaOf(b))[0];
  if (!other) messages.tell(t("Put the pointer on the other object, then press the key."));
  return other;
}

function swapObjects(object) {
  const other = otherUnderPointer();
  if (other && (object.ignored || other.ignored)) messages.tell(t("Regions to ignore have no number."));
  else if (other) drawing.swap(object, other);
}

function mergeObjects(object) {
  const other = otherUnderPointer();
  if (other) drawing.merge(object, other);
}

function splitObject(object) {
  const { pointer } = editor;
  if (!pointer || !drawing.covers(object, pointer)) {
    return void messages.tell(t("Put the pointer on the part of the selected object that is another one, then press it."));
  }
  const { track_id, guessed } = known.number();
  const made = drawing.split(object, pointer, { track_id, category_id: object.category });
  if (!made) return void messages.tell(t("The object is one piece: cut it apart with the eraser first."));
  made.guessed = guessed;
  known.changed();
  return null;
}

/** Show the objects of the video; the one that is chosen is what is selected here, or what is drawn next. */
function sameAs() {
  const dialog = byId("same-as"), object = drawing.selected?.ignored ? null : drawing.selected;
  byId("same-text").textContent = !known.list.length ? t("No object of this video is known yet.")
    : object ? t("Which of them is {object}? A number beside it opens a labelled frame.", { object: panel.nameOf(object) })
      : t("Choose the one that you draw next. A number beside it opens a labelled frame.");
  showObjects(byId("known"), known, {
    colourOf, nameOf: nameOfKnown,
    choose: (chosen) => {
      dialog.close();
      if (!editor.editable) return;
      const here = drawing.objects.find((o) => o.track === chosen.track_id);
      if (object) setTrack(object, chosen.track_id, chosen.category_id);
      else if (here) drawing.select(here);
      else drawing.add(chosen);
    },
    open: (frame) => {
      dialog.close();
      clip.visit(frame);
    },
  });
  dialog.showModal();
}

/** Whether numbers and categories agree with other frames, or the person says that they are right all the same. */
async function categoriesAgree() {
  const doubts = known.contradictions(drawing.objects.filter((o) => !drawing.isBlank(o)));
  if (!doubts.length) return true;
  const said = doubts.map((object) => {
    const { category_id, labelled } = known.find(object.track);
    const there = panel.names.get(category_id), here = panel.names.get(object.category);
    return t("Object {number} is \"{there}\" in frame {frame} and \"{here}\" here.", {
      number: object.track, there, frame: labelled.at(-1), here,
    });
  });
  const text = `${said.join(" ")} ${t("Is it the same object? If not, give it another number (I).")}`;
  if (!(await messages.ask("category", text))) return false;
  for (const object of doubts) object.sure = true;
  return true;
}

async function copyBefore(onlySelected) {
  if (drawing !== own) return;
  const { task } = work, { selected } = drawing;
  copied ??= clip.masksBefore();
  const masks = await copied.catch(() => (copied = null));
  if (work.task !== task || !editor.editable) return;
  if (!masks) return void messages.tell(t("The previous frame cannot be loaded now."));
  if (onlySelected) {
    const same = masks.find((m) => m.track_id === selected?.track);
    if (same) drawing.replace("copy", selected, same.rle);
    else messages.tell(t("The previous frame does not show this object."));
    return;
  }
  const here = new Set(drawing.objects.map((o) => o.track));
  const missing = masks.filter((m) => m.track_id > 0 && !here.has(m.track_id));
  missing.forEach((m) => drawing.add({ track_id: m.track_id, category_id: m.category_id, rle: m.rle }));
  const none = t("The previous frame shows nothing more.");
  messages.tell(missing.length ? t("Copied {n} from the previous frame.", { n: missing.length }) : none);
}

// A click marks an object, unless it moves the picture.
audit.ready = () =>
  Boolean(work?.task) && !work.sending && seen === null && editor.tool !== "pan" && !editor.spaceHeld;

/** Answer what an audit asks. */
function judge(good) {
  if (seen !== null) return void clip.go(clip.own);
  if (!work.task || work.sending) return;
  const answer = audit.answer(good);
  if (answer) work.submit(answer.kind, answer.more);
  else messages.tell(t("Click on each object that has no mask, then press Enter."));
}

async function acceptFrame() {
  if (audit.judges) return void judge(true);
  if (stopTracking()) return;
  if (tracking.here) return void confirmTracked();
  if (editor.closePolygon()) return;
  if (!editor.editable) return void (seen === null || clip.go(clip.own));
  if (editor.closedByItself) {
    // The last corner met the first and closed the polygon: this Enter was meant to close it.
    editor.closedByItself = false;
    return void messages.tell(t("The polygon is closed. Press Enter once more to go on."));
  }
  if (editor.busy) return void messages.tell(t("The server is still working on a mask."));
  if (asked.sendsTags) return void sendTags();
  if (review.on && review.unchanged(drawing)) return void work.review("approve");
  // Enter also accepts masks: pressed by habit, it would call a frame empty that nobody looked at.
  const { task } = work;
  if (!review.on && drawing.untouched && !(await messages.ask("untouched"))) return;
  if (!(await categoriesAgree())) return;
  if (task === work.task) await work.submit(drawing.kind(), { gestures: evidence.list(drawing), ...notes.more });
}

/** Say which objects are in the frame, and nothing of where. */
function sendTags() {
  if (editor.editable && asked.sendsTags) work.submit("tag", asked.tags());
}

/** Send the answer back to its author. */
async function returnAnswer() {
  if (!editor.editable) return;
  const { task } = work, note = await messages.ask("return");
  if (note && task === work.task) await work.review("return", { note });
}

/** Say no to the masks; those that were accepted one by one count. */
function refuseMasks() {
  if (review.on) return void returnAnswer();
  if (audit.judges) return void judge(false);
  if (!editor.editable || asked.kind !== "accept") return;
  if (drawing.kind() !== "accept") return void messages.tell(t("You have drawn something: Enter sends it."));
  const { kind, more } = asked.refusal(() => drawing.masks());
  work.submit(kind, more);
}

async function nothingHere() {
  if (!editor.editable || drawing !== own) return;
  const { task } = work, drawnHere = drawing.kind() === "mask";
  if (drawnHere && !(await messages.ask("empty"))) return;
  if (task === work.task) await work.submit("absent", notes.more);
}

/** Show the frames that this person answered last, to open one again. */
async function lastFrames() {
  if (review.on) return;
  const dialog = byId("last-frames"), frames = await work.answered();
  if (!frames) return;
  byId("last-text").textContent = frames.length
    ? t("Choose a frame to change what you said of it. Your answer stands until you save another one.")
    : t("You have answered no frame yet.");
  showLastFrames(byId("last"), frames, (frame) => {
    dialog.close();
    work.reopen(frame.request_id);
  });
  if (!dialog.open) dialog.showModal();
}

async function putAside(how) {
  if (!editor.editable || review.on || drawing !== own) return;
  if (work.task.reopened) return void (how === "skip" && work.leaveAsItWas());
  const { task } = work, reason = await messages.ask(how);
  if (reason && task === work.task) await work.putAside(how, reason);
}

/** Say what a click or a box did, to those who listen; that it did nothing, to everybody. */
function tellChange({ label, changed, change }) {
  if (changed) messages.say(t("{came} pixels came, {went} went. Z takes it back.", change));
  else if (label === "fit") messages.tell(t("The outline is as it was."));
  else messages.tell(t("That {what} changed nothing. Try another place, or draw with brush or polygon.", { what: t(label) }));
}

const withObject = (run) => () => {
  if (drawing?.selected && editor.editable) run(drawing.selected);
};

const acceptMask = withObject(() => {
  for (const object of chosen.of(drawing)) object.accepted = true;
  chosen.clear();
  if (!drawing.acceptSelected(panel.listed)) messages.tell(t("All masks are accepted: Enter goes on."));
});

const withDrawing = (run) => () => {
  if (editor.editable) run();
};

const ACTIONS = {
  acceptFrame,
  refuseMasks,
  sendTags,
  nothingHere,
  acceptMask: () => (review.on ? acceptFrame() : acceptMask()),
  undoLast: () => (work.canUndo ? work.undoLast() : messages.tell(t("There is nothing to take back."))),
  lastFrames: () => tabs?.works && lastFrames(),
  writeNote: () => drawing && notes.text.focus(),
  threads: () => notes?.show(),
  skip: () => putAside("skip"),
  flag: () => putAside("flag"),
  drop: () => putAside("drop"),
  preview: () => preview.set({ on: !preview.on }) || messages.tell(t(preview.on ? "Previews are on." : "Previews are off.")),
  minus: () => editor.set({ minus: !editor.minus }),
  cutting: () => editor.set({ cutting: !editor.cutting }),
  thinner: () => editor.resize(1 / 1.2),
  thicker: () => editor.resize(1.2),
  fitOutline: withDrawing(() => editor.fitOutline() || messages.tell(t("Draw the object first."))),
  fillHoles: withObject(() => drawing.fillHoles() || messages.tell(t("There is no hole."))),
  cutOut: withObject(() => drawing.cutFromOthers() || messages.tell(t("It lies on no other object."))),
  undo: () => (audit.judges ? audit.takeBack() : editor.editable && (editor.removePoint() || drawing.undo())),
  redo: withDrawing(() => drawing.redo()),
  cancel: () => stopTracking() || editor.cancel() || clip.go(clip.own),
  nextObject: () => drawing?.selectNext(1, panel.listed),
  previousObject: () => drawing?.selectNext(-1, panel.listed),
  searchObjects: () => panel.focusSearch() || messages.tell(t("The list is short: there is nothing to search.")),
  newObject: withDrawing(newObject),
  deleteObject: withDrawing(() =>
    editor.removePoint() || editor.removeCorner() || (drawing.selected && drawing.remove(...chosen.of(drawing)))),
  ignore: withObject((object) => setCategory(object, 0)),
  identity: withObject(() => panel.focusTrack()),
  sameAs: () => drawing && sameAs(),
  swapObjects: withObject(swapObjects),
  mergeObjects: withObject(mergeObjects),
  splitObject: withObject(splitObject),
  copyMissing: withDrawing(() => copyBefore(false)),
  copyObject: withObject(() => copyBefore(true)),
  frameBefore: () => stopTracking() || clip.step(-1),
  frameAfter: () => stopTracking() || clip.step(1),
  frameOwn: () => stopTracking() || clip.go(clip.own),
  play: () => stopTracking() || clip.play(),
  trackForward: () => drawing && track(1),
  trackBackward: () => drawing && track(-1),
  trackEvery: () => tracking.set({ every: !tracking.every }),
  zoomIn: () => view.zoom(1.25),
  zoomOut: () => view.zoom(1 / 1.25),
  fit: () => view.fit(),
  zoomObject: () => view.zoomTo(drawing?.selected?.box ?? NOWHERE),
  hide: () => look.toggle("hidden"),
  outlineOnly: () => look.toggle("outlineOnly"),
  numbers: () => look.toggle("numbers"),
  whereToLook: () => drawing && (reason.set(true) || messages.tell(t("Nothing here is more in doubt than the rest."))),
  disagreement: () => (heat ? look.toggle("heat") : messages.tell(t("Where the model is unsure is not known here."))),
  fainter: () => look.change("opacity", -0.1),
  stronger: () => look.change("opacity", 0.1),
  brighter: () => look.change("brightness", 1.15),
  darker: () => look.change("brightness", 1 / 1.15),
  moreContrast: () => look.change("contrast", 1.15),
  lessContrast: () => look.change("contrast", 1 / 1.15),
  plainLook: () => look.reset(),
  keyboard: () => drawing && editor.toggleKeyboard(),
  help: () => messages.help(),
  usualKeys: () => keys.reset(),
  guide: () => guide.show().then(offer, (error) => messages.tell(heard(error.message))),
  newCategory: () => drawing && guide.askForCategory().then((told) => told && offer(told)),
  showLate: () => messages.late(work.keeper.late()[0], work),
  goOnHere: () => tabs.takeOver(),
  goOnThisDevice: () => {
    app.dataset.state = "starting";
    work.start(true);
  },
  leave: () => leaveLooks().then(() => work.leave()).then(() => location.assign("./")),
  ...Object.fromEntries(TOOLS.map((tool) => [tool, () => editor.choose(tool)])),
};

// ---- begin

/** Show the keys in the help sheet and on the buttons. */
function showKeys() {
  messages.setHelp(helpSheet((action) => keys.of(action)));
  keys.showOn(app);
}

async function begin() {
  showKeys();
  keys.addEventListener("change", showKeys);
  listenForKeys(byId("help"), keys, byId("keys-note"));
  byId("uncertainty").open = innerHeight > 860;
  const ready = () => Boolean(drawing), active = () => clock.note();
  listen({ actions: ACTIONS, keys, editor, stage, ready, chooseCategory, chooseAttribute, active });
  byId("radius").addEventListener("input", (event) => editor.set({ radius: 2 ** event.target.value }));
  editor.addEventListener("change", showTools);
  editor.addEventListener("gesture", ({ detail }) => (tracking.here?.evidence ?? evidence).add(detail));
  editor.addEventListener("made", ({ detail }) =>
    messages.tell(t("{object} is new. Hold Shift to add to the selected object; Z takes it back.", {
      object: panel.nameOf(detail),
    })));
  addEventListener("beforeunload", (event) => work?.keeper.pending().length && event.preventDefault());
  // Nobody draws what cannot be seen.
  editor.addEventListener("draw", () => look.hidden && look.set({ hidden: false }));
  editor.addEventListener("refined", ({ detail }) => tellChange(detail));
  showTools();
  offerLanguages(byId("language"));
  let me;
  try {
    me = await call("GET", "api/me");
  } catch (error) {
    return messages.cannotBegin(error);
  }
  if (me.role === "viewer") return location.replace("dashboard/overview");
  byId("person").textContent = me.name;
  leads = me.role === "lead";
  byId("other-page").hidden = !(review.on || me.reviews);
  if (!review.on) byId("other-page").textContent = t("Review {n}", { n: me.reviews });
  byId("new-category").hidden = !leads;
  const keeper = new Keeper(me.name);
  keeper.tidy();
  keys.open(keeper);
  notes = new Notes(me.name, keeper);
  notes.look();
  work = new Work(keeper, clock, () => own.masks(), review.on);
  tracking = new Tracking(work, clock);
  if (review.on) look.set({ outlineOnly: true });
  else new Preferences(keeper, { editor, look, panel, tracking, preview, tools: TOOLS });
  tracking.addEventListener("state", showState);
  tracking.addEventListener("ended", ({ detail }) => {
    workHere();
    if (detail) messages.tell(WHY[detail] ? t(WHY[detail]) : sentences(detail));
  });
  byId("clip").addEventListener("input", () => stopTracking(), { capture: true });
  // What is under the pointer now is what a gesture is about.
  stage.addEventListener("pointerdown", () => stopTracking(), { capture: true });
  work.addEventListener("task", ({ detail }) => open(detail));
  work.addEventListener("state", showState);
  work.addEventListener("note", ({ detail }) => messages.tell(heard(detail)));
  work.addEventListener("empty", () => {
    drawing = null;
    app.dataset.state = "empty";
    showState();
    if (review.on) review.nothingToDo();
    else call("GET", "api/state").then((state) => messages.nothingToDo(state), () => null);
  });
  work.addEventListener("elsewhere", () => showLeft("another-device"));
  work.addEventListener("sent", ({ detail }) => messages.sent(detail, () => work.canUndo));
  work.addEventListener("late", ({ detail }) => messages.late(detail, work));
  work.addEventListener("refused", ({ detail }) => {
    messages.tell(sentences(detail.error.message, detail.error.mend));
    // A category may have been removed meanwhile.
    call("GET", "api/categories").then(offer, () => null);
  });
  tabs = new Tabs(() => {
    app.dataset.state = "starting";
    work.start();
  }, leaveToAnotherTab);
  globalThis.fewframes = {
    work, view, editor, look, panel, reason, clip, clock, known, asked, evidence, audit, tracking, preview,
    sketch, looks, drawing: () => drawing,
  };
  return tabs.begin();
}

async function leaveToAnotherTab() {
  editor.cancel();
  looks.close();
  await work.stop();
  showLeft("another-tab");
}

/** The work is elsewhere. */
function showLeft(where) {
  tracking.stop();
  editor.cancel();
  drawing = null;
  app.dataset.state = where;
  showState();
}

begin();
