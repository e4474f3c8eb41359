// What is kept on this device until the server has it: drafts, answers on their way, and drawings that came too late.

export class Keeper {
  constructor(person, storage = localStorage) {
    Object.assign(this, { storage, prefix: `fewframes:${person}:` });
  }

  draft(requestId) {
    return this.#read(`draft:${requestId}`);
  }

  putDraft(requestId, draft) {
    this.#write(`draft:${requestId}`, draft);
  }

  dropDraft(requestId) {
    this.storage.removeItem(`${this.prefix}draft:${requestId}`);
  }

  /** Answers on their way, oldest first. */
  pending() {
    return this.#all("pending:").sort((a, b) => a.made - b.made);
  }

  putPending(answer) {
    this.#write(`pending:${answer.answer_id}`, answer);
  }

  dropPending(answer) {
    this.storage.removeItem(`${this.prefix}pending:${answer.answer_id}`);
  }

  /** Drawings that the server would not take any more. */
  late() {
    return this.#all("late:").sort((a, b) => a.made - b.made);
  }

  putLate(drawing) {
    this.#write(`late:${drawing.request_id}`, drawing);
  }

  dropLate(drawing) {
    this.storage.removeItem(`${this.prefix}late:${drawing.request_id}`);
  }

  #read(name) {
    return JSON.parse(this.storage.getItem(this.prefix + name));
  }

  #write(name, value) {
    this.storage.setItem(this.prefix + name, JSON.stringify(value));
  }

  #all(kind) {
    const names = Object.keys(this.storage).filter((name) => name.startsWith(this.prefix + kind));
    return names.map((name) => this.#read(name.slice(this.prefix.length)));
  }
}
