/* Head and STOP bar: theme, what the pen is doing in words, what became of STOP, and no leaving while the pen is armed. */
"use strict";
(() => {
  const THEME_KEY = "pen.theme";
  const SAID_MS = 100;
  const root = document.documentElement;
  const texts = JSON.parse(document.getElementById("pen-texts").textContent);
  const stream = window.penStream;
  const stop = window.penStop;

  const say = (key, values = {}) => {
    const text = texts[key];
    return text === undefined ? key : text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  };
  const put = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
  const icon = (svg, name) => {
    const href = `/console/static/icons.svg#${name}`;
    const use = svg?.querySelector("use");
    if (use && use.getAttribute("href") !== href) use.setAttribute("href", href);
  };
  const seconds = (ms) => (ms < 1000 ? say("age.ms", { n: ms }) : say("age.s", { n: (ms / 1000).toFixed(1) }));
  /* Another step: seen from its top, and the reader's place is its heading. */
  const top = () => {
    window.scrollTo(0, 0);
    const heading = document.querySelector("main h1");
    if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  };
  window.penFrame = { say, put, icon, seconds, top };

  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]") !== null) window.print(); });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-switch]") === null) return;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem(THEME_KEY, root.dataset.theme);
    window.dispatchEvent(new Event("pen-theme"));
  });

  const ARMED = new Set(["ARMING", "ARMED", "STROKING"]);
  const ICONS = { IDLE: "idle", ARMING: "armed", ARMED: "armed", STROKING: "run", STOPPED: "danger", SERVICE: "lock", BOOT: "clock" };
  const bar = document.querySelector(".stopbar");
  const state = bar.querySelector(".state span");
  const what = bar.querySelector(".what");
  const sign = bar.querySelector(".state svg");

  /* What the bar says: mode, heading, sentence, sign. The first that holds. */
  function told() {
    const server = stream.state?.stop;
    if (stop.unsure() || (server?.phase === "not_confirmed" && !stop.sent())) return ["unsure", say("stop.not_confirmed"), say("stop.not_confirmed_more"), "danger"];
    if (stop.sent()) return ["stopped", say("stop.sent"), "", "danger"];
    if (stream.closing !== null && !stream.connected) return ["unsure", say("link.closed"), stream.closing, "unknown"];
    if (!stream.connected) return ["unsure", say("link.page_lost"), say("link.page_lost_more"), "unknown"];
    const pen = stream.state?.pen;
    if (!pen) return ["quiet", say("link.waiting"), "", "unknown"];
    if (pen.link !== "connected") return ["quiet", say(`link.${pen.link}`), lost(pen), "unknown"];
    if (stream.stale()) return ["unsure", say("link.old", { age: stream.ageMs() === null ? "" : seconds(stream.ageMs()) }), say("link.old_more"), "unknown"];
    if (pen.stopped) return ["stopped", say("state.STOPPED"), stopped(pen), "danger"];
    const name = stream.penState();
    return ["quiet", say(`state.${name}`), say(`state_more.${name}`), ICONS[name] ?? "unknown"];
  }

  /* What a missing pen means; a broken line's own words come after it, the others are sentences by themselves. */
  function lost(pen) {
    const more = say(`link.${pen.link}_more`);
    return pen.link === "lost" && pen.complaint ? `${more} (${pen.complaint})` : pen.complaint ?? more;
  }
  window.penFrame.lost = lost;

  function stopped(pen) {
    const cause = pen.interlocks.find((lock) => lock.first_cause);
    const words = cause ? `${cause.title}. ${cause.now}` : "";
    return stop.confirmedAfter === null ? words : `${say("stop.confirmed", { n: stop.confirmedAfter })} ${words}`;
  }

  function show() {
    const [mode, heading, sentence, name] = told();
    if (bar.dataset.mode !== mode) bar.dataset.mode = mode;
    put(state, heading);
    put(what, sentence);
    icon(sign, name);
  }

  stop.onChange = show;
  for (const kind of ["state", "link", "greeting"]) stream.on(kind, show);
  let last = 0;
  stream.on("frame", (frame) => { if (frame.t_ms - last >= SAID_MS || frame.t_ms < last) { last = frame.t_ms; show(); } });
  setInterval(show, SAID_MS);
  show();

  // A record that takes no entries is told about on every page, and whoever is signed in there may try it again.
  const failed = document.getElementById("pen-record");
  function showRecord() {
    const why = stream.state?.record_failure ?? null;
    put(failed.querySelector(".why"), why ?? "");
    if (failed.hidden !== (why === null)) { failed.hidden = why === null; put(failed.querySelector(".answer"), ""); }
  }
  stream.on("state", showRecord);
  showRecord();  // the first state may have come before this was read
  failed.querySelector("[data-recover]")?.addEventListener("click", async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    try {
      const answer = await post("/api/record/recover");
      const told = answer.ok ? "" : (await answer.json()).detail;
      put(failed.querySelector(".answer"), told === failed.querySelector(".why").textContent ? say("record.still") : told);
    } catch {
      put(failed.querySelector(".answer"), say("record.no_answer"));
    } finally {
      pressed.disabled = false;
    }
  });

  // The page's own code is told which tab it works for, as soon as both ends are there; before it could only be refused.
  function introduce() {
    const page = document.querySelector(".page");
    if (page === null || stream.consoleId === null || !window.did_handshake) { setTimeout(introduce, 20); return; }
    window.emitEvent("pen-console", stream.consoleId);
    page.inert = false;
  }
  introduce();

  // Enter in a field presses the button of the page that is meant by it.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || event.isComposing) return;
    const all = [...document.querySelectorAll("[data-enter]")];
    const near = event.target.closest("section, .page")?.querySelector("[data-enter]") ?? all[0];
    if (near && !near.disabled) { event.preventDefault(); near.click(); }
  });

  // A hand in the page is somebody there: it puts the lock off. A lock shows the PIN page, unless the pen is armed.
  const TOUCH_MS = 15000;
  let touched = 0;
  const post = (path) => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}", credentials: "same-origin", cache: "no-store" });
  for (const kind of ["pointerdown", "keydown"]) {
    window.addEventListener(kind, () => {
      if (performance.now() - touched < TOUCH_MS && touched !== 0) return;
      touched = performance.now();
      post("/api/session/touch").catch(() => {});
    }, { capture: true, passive: true });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-lock]") === null) return;
    post("/api/session/lock").then(toLogin).catch(() => {});
  });
  stream.on("state", (state) => { if (state.session.locked && !(ARMED.has(stream.penState()) && state.you_control)) toLogin(); });
  let leaving = false;
  function toLogin() {
    if (leaving || location.pathname === "/login") return;
    leaving = true;
    location.href = "/login";
  }

  // Leaving a page ends its stream, and so stops the needle: not by a stray touch while the pen is armed.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (link === null || link.target === "_blank" || link.dataset.download !== undefined || !ARMED.has(stream.penState()) || !stream.state?.you_control || stream.stale()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const note = document.getElementById("pen-stay");
    note.hidden = false;
    setTimeout(() => { note.hidden = true; }, 5000);
  }, { capture: true });
})();
