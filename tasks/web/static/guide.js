// The guide: what the lead wrote for who labels, and what each category is. Its Markdown becomes HTML on the server,
// which lets no HTML of the lead's own through; everything else is shown as plain text.

import { sentences } from "./messages.js";
import { call } from "./server.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

const made = (name, values, ...children) => {
  const element = Object.assign(document.createElement(name), values);
  element.append(...children);
  return element;
};

function shown(category) {
  const name = made("strong", { textContent: category.name });
  const key = made("kbd", { textContent: category.key, hidden: !category.key });
  const row = made("li", {}, name, " ", key, made("p", { textContent: category.description }));
  if (category.colour) {
    const swatch = made("span", { className: "swatch" });
    swatch.style.background = category.colour;
    row.prepend(swatch);
  }
  if (category.example) {
    row.append(made("img", { src: `api/categories/${category.category_id}/example`, alt: t("an example of {category}", { category: category.name }) }));
  }
  return row;
}

/** Show the guide; the answer is what the server told. */
export async function show() {
  const told = await call("GET", "api/categories");
  byId("guide-text").innerHTML = told.guide_html;
  for (const link of byId("guide-text").querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noreferrer" });
  byId("guide-none").hidden = Boolean(told.guide);
  byId("guide-categories").replaceChildren(...told.categories.map(shown));
  byId("guide").showModal();
  return told;
}

/** Ask a lead for a new category, until the server takes it or the lead gives up; the answer is what it told, or null. */
export function askForCategory() {
  const dialog = byId("add-category"), form = dialog.querySelector("form"), error = byId("category-error");
  form.reset();
  error.textContent = "";
  // Whoever chooses a colour wants one.
  form.elements.colour.oninput = () => (form.elements.coloured.checked = true);
  dialog.showModal();
  return new Promise((done) => {
    form.onsubmit = async (event) => {
      if (event.submitter?.value !== "yes") return;
      event.preventDefault();
      const { name, description, colour, key, coloured } = Object.fromEntries(new FormData(form));
      const body = { name: name.trim(), description, key, colour: coloured ? colour : "" };
      try {
        const told = await call("POST", "api/categories", body);
        done(told);
        dialog.close();
      } catch (refusal) {
        error.textContent = sentences(refusal.message, refusal.mend);
      }
    };
    dialog.onclose = () => done(null);
  });
}
