"use strict";
// Shows a frame of the video below its time line: by number, by a click on the time line, or from a table.
(() => {
  let shown = null;

  const form = () => document.getElementById("viewer");

  async function show(frame) {
    const place = form();
    if (!place) return;
    const input = place.elements.frame;
    const number = Math.min(Math.max(0, Math.round(frame)), Number(input.max));
    input.value = number;
    shown = number;
    const target = document.getElementById("shown");
    target.setAttribute("aria-busy", "true");
    try {
      const depth = place.elements.depth?.checked ? "&depth=true" : "";
      const answer = await fetch(`${place.dataset.address}${number}?rounds=${place.dataset.rounds}${depth}`);
      const text = await answer.text();
      if (shown !== number) return;
      if (answer.ok) target.innerHTML = text;
      else target.textContent = target.dataset.gone;
    } catch {
      target.textContent = target.dataset.away;
    }
    target.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    show(Number(form().elements.frame.value));
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "depth" && event.target.form === form()) show(Number(form().elements.frame.value));
  });
  document.addEventListener("click", (event) => {
    const step = event.target.closest("#viewer [data-step]");
    const link = event.target.closest("[data-frame]");
    if (step) show(Number(form().elements.frame.value) + Number(step.dataset.step));
    if (link) {
      show(Number(link.dataset.frame));
      form()?.scrollIntoView({ block: "nearest" });
    }
  });
  addEventListener("fewframes:point", (event) => show(event.detail));
  addEventListener("fewframes:replaced", () => shown !== null && show(shown));
})();
