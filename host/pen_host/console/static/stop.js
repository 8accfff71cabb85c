/* STOP. No framework, no login, no focus, no question: it works before the page is built and when everything else is broken.

   Acts on pointer down on anything marked data-stop, on Escape always, and on Space, except where Space is wanted for
   something else AND the pen is known not to be armed:
   - in a text field Space types, on a control it presses (native behaviour), as long as the pen says it is idle or stopped;
   - while it is arming, armed or stroking, and while its state is not known, Space is STOP wherever the focus is.
   HTTP POST and websocket go out in parallel and are repeated until the pen says that it is stopped. */
"use strict";
(() => {
  const CONFIRM_MS = 200;  // architecture F: after this the sentence stands on the screen
  const REPEAT_MS = 250;
  const URL_STOP = "/api/stop";
  const SAFE_STATES = new Set(["IDLE", "STOPPED", "SERVICE", "BOOT"]);
  const stop = { pressedAt: null, confirmedAfter: null, repeats: 0, sendBySocket: () => {}, onChange: () => {}, needleSafe: () => false };
  let repeating = null;
  let deadline = null;

  function post() {
    fetch(URL_STOP, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: "{}",
      credentials: "same-origin", cache: "no-store", keepalive: true,
    }).then((answer) => (answer.ok ? answer.json() : null)).then((answer) => {
      if (answer && answer.confirmed) stop.confirm();
    }).catch(() => { /* not confirmed: that is what the bar says then */ });
  }

  function send() {
    post();
    stop.sendBySocket();
  }

  stop.fire = () => {
    stop.pressedAt = performance.now();
    stop.confirmedAfter = null;
    stop.repeats = 0;
    send();
    clearInterval(repeating);
    clearTimeout(deadline);
    repeating = setInterval(() => { stop.repeats += 1; send(); }, REPEAT_MS);
    deadline = setTimeout(() => stop.onChange(), CONFIRM_MS);
    for (const button of document.querySelectorAll("[data-stop]")) button.dataset.pressed = "";
    stop.onChange();
  };

  /* Said by the server from the pen's own status, never guessed here. */
  stop.confirm = () => {
    if (stop.pressedAt === null || stop.confirmedAfter !== null) return;
    stop.confirmedAfter = Math.round(performance.now() - stop.pressedAt);
    clearInterval(repeating);
    clearTimeout(deadline);
    for (const button of document.querySelectorAll("[data-stop]")) delete button.dataset.pressed;
    stop.onChange();
  };

  /* The pen said that it is stopped, at this time of this page's clock. */
  stop.seenStopped = (at) => { if (stop.pressedAt !== null && at >= stop.pressedAt) stop.confirm(); };

  stop.unsure = () => stop.pressedAt !== null && stop.confirmedAfter === null && performance.now() - stop.pressedAt >= CONFIRM_MS;
  stop.sent = () => stop.pressedAt !== null && stop.confirmedAfter === null;

  /* The bar's sentence has been overtaken by events: the stop was cleared by name. */
  stop.forget = () => { if (stop.confirmedAfter !== null) { stop.pressedAt = null; stop.confirmedAfter = null; } };

  stop.safeStates = SAFE_STATES;

  const types = (target) => target instanceof Element
    && (target.isContentEditable || target.closest("input, textarea, select, button, a[href], summary, [role=button]") !== null);

  window.addEventListener("pointerdown", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("[data-stop]") === null) return;
    event.preventDefault();
    stop.fire();
  }, { capture: true });

  window.addEventListener("keydown", (event) => {
    const escape = event.key === "Escape" || event.code === "Escape";
    const space = event.key === " " || event.code === "Space";
    if (!escape && !space) return;
    if (space && types(event.target) && event.target.closest("[data-stop]") === null && stop.needleSafe()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) stop.fire();
  }, { capture: true });

  // a screen reader's or a switch's click comes without pointer; Enter on the button as well
  window.addEventListener("click", (event) => {
    if (event.detail !== 0 || !(event.target instanceof Element) || event.target.closest("[data-stop]") === null) return;
    stop.fire();
  }, { capture: true });

  window.penStop = stop;
})();
