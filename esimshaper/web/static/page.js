// SPDX-License-Identifier: GPL-2.0-or-later
// Refreshes numbers while somebody looks. The page works without this: it reads all by itself, and acts by forms.
"use strict";
(() => {
  const EVERY = 5000, WAITING = 2000, OLD_AFTER = 10000;
  const url = new URL(location.href);
  url.searchParams.delete("done");
  url.searchParams.set("json", "");
  let tag = "", answered = Date.now(), busy = false;

  const main = () => document.getElementById("main");
  const writing = () => [...main().querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue)
    || ["INPUT", "SELECT"].includes(document.activeElement.tagName);

  function show(values) {
    for (const [name, text] of Object.entries(values.live))
      for (const place of main().querySelectorAll(`[data-live="${name}"]`))
        if (place.textContent !== text) place.textContent = text;
    for (const [name, value] of Object.entries(values.meters))
      for (const place of main().querySelectorAll(`[data-meter="${name}"]`)) {
        place.setAttribute("aria-valuenow", value);
        place.firstElementChild.setAttribute("width", value);
      }
  }

  // More than numbers has changed: the page is fetched anew, and what was unfolded stays so.
  async function replace() {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok || writing()) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...main().querySelectorAll("details[open]")].map((each) => each.id);
    document.title = fresh.title;
    main().replaceWith(document.adoptNode(fresh.getElementById("main")));
    for (const id of open) if (document.getElementById(id)) document.getElementById(id).open = true;
  }

  function mark(old) {
    document.body.classList.toggle("stale", old);
    document.getElementById("stale").hidden = !old;
  }

  async function look() {
    if (document.hidden) return;
    if (busy) return mark(Date.now() - answered > OLD_AFTER);
    busy = true;
    let stopped = false;
    try {
      const answer = await fetch(url, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.ok) {
        const values = await answer.json();
        tag = answer.headers.get("ETag") || "";
        show(values);
        if (values.shape !== main().dataset.shape && !writing()) await replace();
      }
      if (answer.ok || answer.status === 304) answered = Date.now();
      if (answer.status === 401) location.reload(); // the session has ended: the page asks for the password
      stopped = answer.status >= 500;
    } catch { /* asked again below */ }
    busy = false;
    mark(stopped || Date.now() - answered > OLD_AFTER);
  }

  if (!main().dataset.shape) return;
  // Twenty people who look cost as much as they look often; who waits for an answer looks more often.
  const pause = () => "waits" in main().dataset ? WAITING : EVERY;
  const again = () => { look(); setTimeout(again, pause()); };
  setTimeout(again, pause());
  document.addEventListener("visibilitychange", look);
})();
