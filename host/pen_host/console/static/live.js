/* The live view: numbers, zone, interlocks and the strip chart, painted from the stream; decisions go to the API. */
"use strict";
function penLive(root) {
  const { say, put, icon, seconds } = window.penFrame;
  const stream = window.penStream;
  const at = (name) => root.querySelector(`[data-live="${name}"]`);
  const strip = new window.penStrip(at("chart"), say);
  const OFF_BY = { depth_um: 50, rate_mhz: 5000 };
  const TONES = { IDLE: "", ARMING: "ready", ARMED: "ready", STROKING: "run", STOPPED: "danger", SERVICE: "warn", BOOT: "" };
  const SIGNS = { IDLE: "idle", ARMING: "armed", ARMED: "armed", STROKING: "run", STOPPED: "danger", SERVICE: "lock", BOOT: "clock" };
  const ARMED = new Set(["ARMING", "ARMED", "STROKING"]);
  const none = say("live.none");

  const number = (value, scale, digits) => (value === null || value === undefined ? none : (value / scale).toFixed(digits));
  const clock = (ms) => (ms === null || ms === undefined ? none : `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`);

  function giants(frame) {
    at("depth").toggleAttribute("data-none", frame.depth_measured_um === null);
    // the pen keeps the rate it measured last; an old one is not the rate now
    const rate = frame.rate_age_ms === null || frame.rate_age_ms > stream.staleMs ? null : frame.rate_measured_mhz;
    at("rate").toggleAttribute("data-none", rate === null);
    put(at("depth"), number(frame.depth_measured_um, 1000, 2));
    put(at("rate"), number(rate, 1000, 0));
    put(at("depth-set"), frame.depth_requested_um === null ? say("live.not_set") : say("live.mm", { n: number(frame.depth_requested_um, 1000, 2) }));
    put(at("rate-set"), frame.rate_requested_mhz === null ? say("live.not_set") : say("live.hz", { n: number(frame.rate_requested_mhz, 1000, 0) }));
    const off = (measured, requested, by) => measured !== null && requested !== null && Math.abs(measured - requested) > by;
    at("depth-card").toggleAttribute("data-off", off(frame.depth_measured_um, frame.depth_requested_um, OFF_BY.depth_um));
    at("rate-card").toggleAttribute("data-off", frame.state === "STROKING" && off(frame.rate_measured_mhz, frame.rate_requested_mhz, OFF_BY.rate_mhz));
  }

  function tiles(frame) {
    const yes = (name, value, on, off) => {
      put(at(name), value === null ? none : say(value ? on : off));
      icon(at(`${name}-sign`), value === null ? "unknown" : value ? "armed" : "idle");
    };
    yes("contact", frame.contact, "live.on_skin", "live.off_skin");
    yes("trigger", frame.trigger, "live.held", "live.released");
    put(at("coil"), frame.coil_cc === null ? none : say("live.celsius", { n: number(frame.coil_cc, 100, 1) }));
    const armed = ARMED.has(frame.state);
    put(at("lease"), armed ? say("live.lease_ms", { n: frame.lease_left_ms ?? none }) : say("live.lease_idle"));
    put(at("load"), frame.load_ma === null ? none : say("live.ma", { n: frame.load_ma }));
    const left = stream.state?.pen.armed_left_s;
    put(at("session-left"), left === null || left === undefined ? say("live.not_armed") : clock(left * 1000));
  }

  function zone(frame) {
    const run = stream.state?.treatment.run;
    const zones = run?.zones ?? [];
    const index = frame.zone >= 0 ? frame.zone : run?.active ?? -1;
    const now = zones[index];
    at("zone").hidden = now === undefined;
    at("no-zone").hidden = now !== undefined;
    const next = zones.slice(index + 1).find((one) => !one.skipped);
    put(at("next"), next === undefined ? (zones.length ? say("live.no_next") : none) : say("live.next", { name: word(next.name), depth: number(next.depth_um, 1000, 2), rate: number(next.rate_mhz, 1000, 0) }));
    if (now === undefined) return;
    const mine = frame.zone === index;
    const dose = mine ? frame.zone_dose_per_cm2 : now.dose_per_cm2;
    put(at("zone-name"), word(now.name));
    put(at("zone-of"), say("live.zone_of", { n: index + 1, all: zones.length }));
    put(at("dose"), dose === null ? none : String(Math.ceil(dose)));
    put(at("strokes"), String(mine ? frame.zone_strokes : now.strokes));
    put(at("contact-strokes"), String(mine ? frame.zone_contact : now.contact_strokes));
    put(at("held"), clock(mine ? frame.zone_held_ms : now.done_ms));
    put(at("target"), say("live.target", { low: now.target_low, high: now.target_high }));
    const full = now.target_high * 1.25;
    const percent = (value) => `${Math.min(100, (100 * value) / full).toFixed(1)}%`;
    const band = at("dose-band");
    band.style.left = percent(now.target_low);
    band.style.width = percent(now.target_high - now.target_low);
    at("dose-fill").style.width = percent(dose ?? 0);
    const bar = at("dose-bar");
    bar.toggleAttribute("data-over", (dose ?? 0) > now.target_high);
    bar.setAttribute("aria-label", say("live.dose_label", { n: dose === null ? none : Math.ceil(dose), low: now.target_low, high: now.target_high }));
    put(at("dose-place"), dose === null ? "" : say(dose < now.target_low ? "live.dose_below" : dose <= now.target_high ? "live.dose_in" : "live.dose_above"));
  }

  const word = (name) => { const found = say(`zones.${name}`); return found === `zones.${name}` ? name.replaceAll("_", " ") : found; };

  function banner() {
    const state = stream.state;
    if (state === null) return;
    const name = stream.penState();
    const run = state.treatment.run;
    const box = at("banner");
    const lost = state.pen.link !== "connected";
    const tone = lost ? "warn" : TONES[name] ?? "warn";
    if (box.dataset.tone !== tone) box.dataset.tone = tone;
    icon(at("banner-sign"), lost ? "unknown" : SIGNS[name] ?? "unknown");
    put(at("banner-word"), lost ? say(`link.${state.pen.link}`) : say(`state.${name}`));
    put(at("banner-tell"), lost ? window.penFrame.lost(state.pen) : told(run, name));
    document.title = say("live.title", { state: lost ? say(`link.${state.pen.link}`) : say(`state.${name}`) });
  }

  /* One sentence: what is going on, or what to do. */
  function told(run, name) {
    if (!run) return say(`state_more.${name}`);
    if (run.ending !== null) return run.error ?? say(`state_more.${name}`);
    const zone = run.zones[run.active]?.name;
    if (run.waiting === "zone" && stream.state.pen.stopped) return say("live.tell_stopped", { cause: cause() });
    if (run.waiting === "zone" && zone) return say("live.tell_zone", { name: word(zone) });
    if (run.waiting === "clear") return say("live.tell_clear", { cause: cause() });
    if (run.phase === "stroking" && name !== "STROKING" && stream.frame?.trigger) return say("live.tell_release");
    return zone ? run.message.replace(`${zone}:`, `${word(zone)}:`) : run.message;
  }

  const cause = () => stream.state.pen.interlocks.find((lock) => lock.first_cause)?.title ?? stream.state.pen.cause ?? "";

  function locks() {
    const list = at("locks");
    const pen = stream.state.pen;
    const shown = pen.interlocks.filter((lock) => !(stream.state.treatment.run && lock.cured_by_steps));
    const key = JSON.stringify(shown);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    list.replaceChildren(...shown.map((lock) => {
      const item = at("lock-template").content.firstElementChild.cloneNode(true);
      item.classList.toggle("first", lock.first_cause);
      item.dataset.name = lock.name;
      put(item.querySelector("b"), lock.title);
      put(item.querySelector("span"), `${lock.means} ${lock.now}`);
      icon(item.querySelector("svg"), lock.first_cause ? "danger" : "warn");
      return item;
    }));
    at("clear-all").hidden = shown.length > 0;
  }

  /* What the operator can decide now. */
  function acts() {
    const state = stream.state;
    const run = state.treatment.run;
    const mine = state.you_control;
    const show = (name, on) => { at(name).hidden = !on; };
    const waiting = run?.waiting ?? "nothing";
    // a pen that was stopped between two zones is acknowledged before the next is armed
    const between = !run || run.ending !== null || waiting === "zone";
    show("act-zone", mine && waiting === "zone" && !state.pen.stopped);
    show("act-clear", mine && waiting === "clear");
    show("act-finished", run !== null && run !== undefined && run.ending !== null);
    show("act-none", !state.treatment.step);
    show("act-idle-clear", mine && between && state.pen.stopped);
    show("watching", !mine);
    if (waiting === "zone") {
      const asked = run.zones[run.active];
      if (asked) {
        put(at("arm-label"), say("live.arm", { name: word(asked.name) }));
        put(at("arm-more"), say("live.arm_more", { depth: number(asked.depth_um, 1000, 2), rate: number(asked.rate_mhz, 1000, 0) }));
        at("act-zone").dataset.zone = asked.name;
      }
    }
    for (const name of ["clear-label", "idle-clear-label"]) put(at(name), say("live.acknowledge", { cause: cause() }));
    const holder = state.control.controller;
    put(at("watching-text"), holder === null ? say("control.free") : say("control.other", { label: holder, person: state.control.person ?? say("control.nobody") }));
    put(at("take-label"), say(holder === null ? "control.take" : "control.take_over"));
    put(at("control-lost"), state.control.lost ? say("control.lost", { why: state.control.lost }) : "");
    at("control-lost").hidden = !state.control.lost;
  }

  function stale() {
    const old = stream.stale() || !stream.connected;
    root.toggleAttribute("data-stale", old);
    const age = stream.ageMs();
    for (const badge of root.querySelectorAll(".age")) {
      badge.hidden = !old;
      if (old) put(badge, age === null ? say("age.never") : say("age.old", { age: seconds(age) }));
    }
  }

  async function decide(path, body) {
    const error = at("error");
    error.hidden = true;
    try {
      const answer = await fetch(path, {
        method: "POST", headers: { "Content-Type": "application/json" }, credentials: "same-origin", cache: "no-store",
        body: JSON.stringify({ console_id: stream.consoleId, ...body }),
      });
      if (answer.ok) return;
      const problem = await answer.json();
      put(at("error-text"), problem.detail);
    } catch {
      put(at("error-text"), say("live.not_sent"));
    }
    error.hidden = false;
  }

  const decisions = {
    arm: () => decide("/api/treatment/zone", { decision: "arm", zone: at("act-zone").dataset.zone }),
    skip: () => decide("/api/treatment/zone", { decision: "skip", zone: at("act-zone").dataset.zone }),
    finish: () => decide("/api/treatment/zone", { decision: "finish", zone: at("act-zone").dataset.zone }),
    clear: () => decide("/api/stop/clear", { cause: stream.state.treatment.run?.cause || stream.state.pen.cause }),
    take: () => decide("/api/control/take", { take_over: stream.state.control.controller !== null }),
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-decide]");
    if (button !== null) decisions[button.dataset.decide]();
  });

  stream.on("frame", (frame) => { giants(frame); tiles(frame); zone(frame); strip.add(frame); stale(); banner(); });
  stream.on("state", () => { banner(); locks(); acts(); if (stream.frame) zone(stream.frame); });
  stream.on("link", stale);
  setInterval(stale, 100);
  stale();
  // what came before the view was there
  if (stream.frame) { giants(stream.frame); tiles(stream.frame); }
  if (stream.state) { banner(); locks(); acts(); if (stream.frame) zone(stream.frame); }
}

// The page's frame work builds the page after this script has run: the view begins when it is there.
customElements.define("pen-live", class extends HTMLElement { connectedCallback() { penLive(this); } });
