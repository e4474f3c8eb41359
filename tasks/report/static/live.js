"use strict";
// Shows what the ledger says by now: the page is loaded anew in the background when something has changed.
(() => {
  const EVERY = 4000;
  // Beside the scripts, wherever a proxy shows them.
  const VERSION = new URL("../../version", document.currentScript.src);
  let seen = null;

  async function version() {
    const answer = await fetch(VERSION, { cache: "no-store" });
    return answer.ok ? (await answer.json()).version : null;
  }

  function busy() {
    const open = [...document.querySelectorAll("main details[open]")];
    return document.hidden || open.some((e) => e.contains(document.activeElement)) || !getSelection().isCollapsed;
  }

  async function replace() {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["header", "main", "#figures"]) {
      document.querySelector(part).replaceWith(page.querySelector(part));
    }
    dispatchEvent(new Event("fewframes:replaced"));
  }

  async function look() {
    try {
      const now = await version();
      if (now !== null && seen !== null && now !== seen && !busy()) {
        await replace();
        seen = now;
      }
      if (now !== null && seen === null) seen = now;
    } catch {
      // The server is away; the page stays as it is until it answers again.
    }
    setTimeout(look, EVERY);
  }

  look();
})();
