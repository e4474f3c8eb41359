// What people write to each other about frames: the notes on the frame in hand, one that goes out with its answer, and
// all threads of this person, of which those that are new are counted.

import { element } from "./elements.js";
import { ago } from "./last_frames.js";
import { call, uuid } from "./server.js";
import { heard, t } from "./words.js";

const LOOK_MS = 60000;

const byId = (id) => document.getElementById(id);

const told = ({ who, text, written_at }) => element("li", {},
  element("strong", { textContent: who }), " ", element("span", { textContent: text }), " ",
  element("small", { textContent: ago(written_at) }));

export class Notes {
  /** me is the person's name; kept remembers what was seen. */
  constructor(me, keeper) {
    Object.assign(this, { me, keeper, threads: [] });
    this.text = byId("note-text");
    this.text.addEventListener("keydown", (event) => {
      if (!["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      byId("stage").focus({ preventScroll: true });
    });
    setInterval(() => this.look(), LOOK_MS);
  }

  /** Show the notes on a task. */
  open(task) {
    this.text.value = "";
    byId("notes").hidden = !task.notes.length;
    byId("notes").classList.toggle("returned", task.returned);
    byId("notes-title").textContent = task.returned ? t("This frame came back to you") : t("Notes");
    byId("notes-list").replaceChildren(...task.notes.map(told));
  }

  /** What goes out with the answer: a note, where one was written. */
  get more() {
    const note = this.text.value.trim();
    return note ? { note } : {};
  }

  /** Look for new notes of others. */
  async look() {
    const found = await call("GET", "api/notes").catch(() => null);
    if (!found) return;
    this.threads = found.threads;
    const seen = this.keeper.seen(), fresh = this.threads.filter((thread) => this.#newest(thread) > seen).length;
    byId("threads-count").textContent = fresh || "";
    byId("threads-open").hidden = !this.threads.length;
  }

  #newest({ notes }) {
    return notes.filter(({ who }) => who !== this.me).map(({ written_at }) => written_at).sort().at(-1) ?? "";
  }

  /** Show all threads, with a field to reply in each. */
  async show() {
    await this.look();
    byId("threads-list").replaceChildren(...this.threads.map((thread) => this.#shown(thread)));
    const newest = this.threads.map((thread) => this.#newest(thread)).sort().at(-1);
    if (newest) this.keeper.putSeen(newest);
    byId("threads-count").textContent = "";
    if (!byId("threads").open) byId("threads").showModal();
  }

  #shown({ request_id, video, frame_idx, notes }) {
    const list = element("ol", { className: "notes" }, ...notes.map(told));
    const reply = element("input", { maxLength: 1000, placeholder: t("Reply"), ariaLabel: t("Reply about frame {frame}", { frame: frame_idx }) });
    const send = element("button", { type: "button", textContent: t("Send") });
    const problem = element("small", {});
    problem.setAttribute("role", "alert");
    send.addEventListener("click", async () => {
      const text = reply.value.trim();
      if (!text) return;
      send.disabled = true;
      try {
        await call("POST", `api/requests/${request_id}/notes`, { note_id: uuid(), text });
        reply.value = "";
        list.append(told({ who: this.me, text, written_at: new Date().toISOString() }));
        problem.textContent = "";
      } catch (error) {
        problem.textContent = error.mend ? `${heard(error.message)}. ${heard(error.mend)}` : t("It was not sent: try again.");
      }
      send.disabled = false;
    });
    reply.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      send.click();
    });
    const place = element("h3", { textContent: t("{video}, frame {frame}", { video, frame: frame_idx }) });
    const item = element("li", {}, place, list, element("div", { className: "acts" }, reply, send), problem);
    item.dataset.request = request_id;
    return item;
  }
}
