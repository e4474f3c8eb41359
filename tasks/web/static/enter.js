// Signing in: the token of a personal link, or one that is pasted, is sent in the body of a call. It stands behind a "#",
// which browsers send to nobody, and leaves the address bar before anything else happens.

import { Refused, call } from "./server.js";
import { heard, offerLanguages, t } from "./words.js";

const byId = (id) => document.getElementById(id);

async function enter(token) {
  byId("problem").hidden = true;
  try {
    const { page } = await call("POST", "enter", { token });
    // Not assign: the way back leads to where the person came from.
    location.replace(page);
  } catch (error) {
    const refused = error instanceof Refused;
    byId("problem").textContent = refused ? `${heard(error.message)}. ${heard(error.mend)}` : t("The server does not answer. Try again.");
    byId("problem").hidden = false;
  }
}

function begin() {
  // Links of earlier versions have it as a query.
  const token = location.hash.slice(1) || new URLSearchParams(location.search).get("token");
  history.replaceState(null, "", location.pathname);
  if (token) enter(token);
}

byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  // A whole link is as good as its token.
  enter(event.target.elements.token.value.trim().split(/#|token=/).pop());
});
addEventListener("hashchange", begin);
offerLanguages(byId("language"));
// One of several projects is found at /p/NAME/, below their list.
const list = byId("all-projects");
if (list) list.hidden = !/\/p\/[^/]+\/(enter)?$/.test(location.pathname);
begin();
