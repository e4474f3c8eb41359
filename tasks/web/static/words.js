// The words of the page in its language. English is what stands in the source; the server puts a catalogue of another
// language into the page.

const LANGUAGE = document.documentElement.lang || "en";
const CATALOGUE = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
const RULES = new Intl.PluralRules(LANGUAGE);

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);

/** A text in the language of the page; {name} in it is a value. What is not there, such as a step before the first, is "". */
export const t = (text, values = {}) => filled(CATALOGUE[text] ?? text ?? "", values);

/** A text with a number {n}: one is its English form for 1, many the one for all others, by which it is looked up. */
export function counted(n, one, many, values = {}) {
  const forms = CATALOGUE[many] ?? { one, other: many };
  return filled(forms[RULES.select(n)] ?? forms.other, { n, ...values });
}

/** A number with so many digits after the point, as the language writes it. */
export const decimal = (value, digits) => value.toLocaleString(LANGUAGE, {
  minimumFractionDigits: digits, maximumFractionDigits: digits ?? 20, useGrouping: false,
});

const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
const SAID = Object.entries(CATALOGUE).filter(([text]) => /\{\d\}/.test(text)).map(([text, other]) =>
  [new RegExp(`^${escaped(text).replace(/\{\d\}/g, "(.+?)")}$`), other]);

const figure = (value) => (/^\d+\.\d+$/.test(value) ? decimal(Number(value), value.split(".")[1].length) : value);

/** What the server said: as it stands in the catalogue, or with values {1}, {2} in it; else as it came, clause by clause. */
export function heard(text) {
  if (!text) return "";
  if (typeof CATALOGUE[text] === "string") return CATALOGUE[text];
  for (const [pattern, other] of SAID) {
    const found = pattern.exec(text);
    if (found) return filled(other, Object.fromEntries(found.slice(1).map((value, i) => [i + 1, figure(value)])));
  }
  return SAID.length && text.includes("; ") ? text.split("; ").map(heard).join("; ") : text;
}

/** Let a person choose the language, which this browser keeps. */
export function offerLanguages(select) {
  if (!select) return;
  select.value = LANGUAGE;
  select.addEventListener("change", () => {
    document.cookie = `fewframes_language=${select.value}; max-age=31536000; samesite=lax`;
    location.reload();
  });
}
