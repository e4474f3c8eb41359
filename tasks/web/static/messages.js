// What the page says: the banner, short notes, dialogs, and the help sheet.

import { Unreachable } from "./server.js";
import { counted, heard, t } from "./words.js";

const SHORT_MS = 5000;

const SENT = { accept: "Accepted.", absent: "Noted: empty.", approve: "Approved.", return: "Sent back." };

const byId = (id) => document.getElementById(id);

/** What the server said, as sentences. */
export const sentences = (...parts) =>
  parts.filter(Boolean).map(heard).map((text) => text[0].toUpperCase() + text.slice(1).replace(/[.\s]*$/, ".")).join(" ");

/** Give a drawing to the person as a file. */
function download(drawing) {
  const { video, frame_idx } = drawing.frame;
  const blob = new Blob([JSON.stringify({ ...drawing, body: undefined, masks: drawing.body.masks }, null, 1)],
    { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { download: `${video}-${frame_idx}.json` });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export class Messages {
  constructor(app) {
    Object.assign(this, { app, timer: 0, undoTimer: 0 });
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    }
  }

  setHelp(sections) {
    byId("keys").replaceChildren(...sections);
  }

  help() {
    byId("help").showModal();
  }

  /** For those who listen instead of looking. */
  say(text) {
    byId("spoken").textContent = text;
  }

  tell(text) {
    byId("note").textContent = text;
    byId("note").hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (byId("note").hidden = true), SHORT_MS);
  }

  task() {
    byId("note").hidden = true;
  }

  connection(online, signedOut, waiting) {
    const banner = byId("banner");
    banner.hidden = online && !signedOut;
    if (banner.hidden) return;
    const kept = waiting
      ? t("Your answer is kept on this device and is sent by itself when the connection is back.")
      : t("Go on drawing: everything is kept on this device until the connection is back.");
    byId("banner-title").textContent = signedOut ? t("You are signed out.") : t("The server cannot be reached.");
    byId("banner-text").textContent = signedOut
      ? t("Open your personal link in another tab; this page then goes on by itself. Your drawing is kept.") : kept;
  }

  cannotBegin(error) {
    this.app.dataset.state = error instanceof Unreachable ? "away" : "signed-out";
    if (error instanceof Unreachable) setTimeout(() => location.reload(), SHORT_MS);
  }

  nothingToDo({ round, step, running, open, paused, over }) {
    if (paused) {
      byId("empty-text").textContent = t("The project is {state}. The next frames appear here when it goes on.", { state: heard(paused) });
      return;
    }
    const working = t("Round {round} is answered. The model learns from it now ({step}); the next frames appear here.", {
      round, step: t(step),
    });
    const taken = t("The frames that are left are in other hands. What comes free appears here.");
    const none = round ? t("The next frames appear here by themselves.")
      : t("No round has begun yet. Its frames appear here by themselves.");
    const ended = t("The campaign is over: there is nothing more to label. Thank you! You may close this page.");
    byId("empty-text").textContent = over && !open ? ended : running ? working : open ? taken : none;
  }

  /** An answer arrived; it can be taken back while canUndo() says so. */
  sent({ undoSeconds, kind }, canUndo) {
    const box = byId("sent"), until = Date.now() + undoSeconds * 1000;
    byId("sent-text").textContent = t(SENT[kind] ?? "Saved.");
    clearInterval(this.undoTimer);
    const show = () => {
      box.hidden = !canUndo();
      byId("sent-seconds").textContent = `${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`;
      if (box.hidden) clearInterval(this.undoTimer);
    };
    show();
    this.undoTimer = setInterval(show, 250);
    this.say(byId("sent-text").textContent);
  }

  /** Ask with the dialog of a name; gives the reason or "yes", or nothing when the person thinks better of it. */
  ask(name, text = null) {
    const dialog = byId(`ask-${name}`), form = dialog.querySelector("form");
    form.reset();
    if (text !== null) dialog.querySelector("[data-part=text]").textContent = text;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((done) => {
      dialog.addEventListener("close", () => {
        const given = new FormData(form);
        const reason = [given.get("reason"), given.get("more")?.trim()].filter(Boolean).join(": ");
        done(dialog.returnValue === "yes" ? reason || "yes" : null);
      }, { once: true });
    });
  }

  /** A button brings back drawings that came too late. */
  lateDrawings(count) {
    byId("late-count").textContent = counted(count, "{n} late drawing", "{n} late drawings");
    byId("late-count").hidden = count === 0;
  }

  /** A drawing came too late: say what happened, and let the person choose what becomes of it. */
  late(drawing, work) {
    const dialog = byId("late"), { video, frame_idx } = drawing.frame;
    byId("late-place").textContent = t("{video}, frame {frame}", { video, frame: frame_idx });
    byId("late-error").textContent = sentences(...drawing.why);
    byId("late-note").textContent = "";
    byId("late-download").onclick = () => download(drawing);
    byId("late-again").onclick = async () => {
      if (await work.claimAgain(drawing)) dialog.close();
      else byId("late-note").textContent = t("It is not to be had: somebody else has it, or it is answered.");
    };
    byId("late-discard").onclick = () => {
      work.keeper.dropLate(drawing);
      dialog.close();
    };
    dialog.onclose = () => this.lateDrawings(work.keeper.late().length);
    dialog.showModal();
  }
}
