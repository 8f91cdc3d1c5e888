// Keeps a page up to date: lists are fetched again, logs are continued. Without scripts pages reload themselves.
"use strict";

const LONGEST_LOG = 2000000; // characters; what came first goes first

function refreshPage() {
  const live = document.getElementById("live");
  if (!live || !live.dataset.refresh) return;
  const pause = 1000 * Number(live.dataset.refresh);
  let timer = 0;
  let asking = false;

  async function refresh() {
    if (asking) return;
    clearTimeout(timer);
    asking = true;
    // Neither behind the user's back nor while text is being selected.
    if (!document.hidden && getSelection().isCollapsed) {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (!fresh) throw new Error("no page of ours");
        show(fresh);
        if (!fresh.dataset.refresh) { // nothing changes any more, or there is a log now
          followLog();
          return; // and never asks again
        }
      } catch {
        say("The dispatcher does not answer. What is shown may be out of date.");
      }
    }
    asking = false;
    timer = setTimeout(refresh, pause);
  }

  function show(fresh) {
    if (fresh.innerHTML === live.innerHTML) return;
    const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    live.replaceChildren(...fresh.childNodes);
    if (focused) live.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function say(text) {
    if (document.getElementById("out-of-date")) return;
    const notice = document.createElement("p");
    notice.id = "out-of-date";
    notice.className = "notice bad";
    notice.setAttribute("role", "status");
    notice.textContent = text;
    live.prepend(notice);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  timer = setTimeout(refresh, pause);
}

function followLog() {
  const log = document.querySelector("[data-follow]");
  if (!log) return;
  const following = document.getElementById("following");
  let next = Number(log.dataset.next);

  function atEnd() {
    return innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
  }

  async function read() {
    let pause = 1000;
    try {
      const answer = await fetch(`${log.dataset.follow}?offset=${next}`, { cache: "no-store" });
      if (!answer.headers.get("content-type")?.includes("json")) throw new Error(`status ${answer.status}`);
      const piece = await answer.json();
      if (piece.problem) throw new Error(piece.problem);
      if (piece.run !== log.dataset.run || piece.size < next) return location.reload(); // another launch or file
      const before = next;
      if (piece.text) append(piece.text);
      next = piece.next;
      following.textContent = piece.ended ? "" : "following";
      if (piece.ended && next === before) {
        document.querySelector("header .state")?.remove(); // it said that the driver runs
        document.getElementById("end").textContent = "The driver has ended; nothing is added.";
        return;
      }
      if (next !== before) pause = 100;
    } catch (problem) {
      following.textContent = `not following: ${problem.message}`;
      pause = 5000;
    }
    setTimeout(read, document.hidden ? 5000 : pause);
  }

  function append(text) {
    const follow = atEnd();
    log.append(text);
    while (log.textContent.length > LONGEST_LOG && log.childNodes.length > 1) log.firstChild.remove();
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
  }

  scrollTo(0, document.documentElement.scrollHeight);
  read();
}

refreshPage();
followLog();
