// Elements of a page, made by name.

/** An element with values of its own and children. */
export function element(name, values = {}, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}
