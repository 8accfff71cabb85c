/* The live stream: one websocket per page. Every frame is painted and then acknowledged, from the handler that painted it:
   a page that does not paint does not acknowledge, and the needle stops. */
"use strict";
(() => {
  const RETRY_MS = 300;
  const ID_KEY = "pen.console";
  const OPEN_KEY = "pen.open";
  const listeners = { state: [], frame: [], link: [], greeting: [] };
  const stream = {
    consoleId: null, staleMs: 300, state: null, frame: null, frameAt: null, connected: false, closing: null,
    on(kind, listener) { listeners[kind].push(listener); },
    send(message) { if (socket !== null && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); },
  };
  let socket = null;

  // A duplicated tab comes with a copy of its sessionStorage; it is another console all the same.
  if (sessionStorage.getItem(OPEN_KEY) === "yes") sessionStorage.removeItem(ID_KEY);
  sessionStorage.setItem(OPEN_KEY, "yes");
  window.addEventListener("pagehide", () => sessionStorage.setItem(OPEN_KEY, "no"));
  window.addEventListener("pageshow", () => sessionStorage.setItem(OPEN_KEY, "yes"));

  const tell = (kind, value) => { for (const listener of listeners[kind]) listener(value); };

  /* Age of the measured values now; null when there are none. Counts on when nothing comes any more. */
  stream.ageMs = () => {
    if (stream.frame === null || stream.frame.age_ms === null) return null;
    return Math.round(stream.frame.age_ms + performance.now() - stream.frameAt);
  };
  stream.stale = () => { const age = stream.ageMs(); return age === null || age > stream.staleMs; };
  stream.penState = () => (stream.frame !== null && stream.frame.state !== null ? stream.frame.state : stream.state?.pen.state ?? null);

  const take = {
    greeting(message) {
      stream.consoleId = message.console_id;
      stream.staleMs = message.stale_ms;
      sessionStorage.setItem(ID_KEY, message.console_id);
      tell("greeting", message);
    },
    state(message) {
      stream.state = message;
      if (!message.pen.stopped) window.penStop.forget();
      tell("state", message);
    },
    live(message) {
      stream.frame = message;
      stream.frameAt = performance.now();
      // confirmed by what the pen said after STOP was pressed, not by an answer to an older one
      if (message.state === "STOPPED" && message.age_ms !== null) window.penStop.seenStopped(stream.frameAt - message.age_ms);
      tell("frame", message);
      if (document.visibilityState !== "hidden") stream.send({ type: "ack", seq: message.seq });
    },
    closing(message) { stream.closing = message.sentence; },
  };

  function open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}/api/live`);
    socket.addEventListener("open", () => {
      stream.connected = true;
      stream.send({ type: "hello", console_id: sessionStorage.getItem(ID_KEY) });
      if (document.visibilityState === "hidden") stream.send({ type: "visible", visible: false });
      if (window.penStop.sent()) stream.send({ type: "stop" });
      tell("link", true);
    });
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      take[message.type]?.(message);
    });
    socket.addEventListener("close", () => {
      stream.connected = false;
      tell("link", false);
      setTimeout(open, RETRY_MS);
    });
  }

  document.addEventListener("visibilitychange", () => {
    stream.send({ type: "visible", visible: document.visibilityState === "visible" });
  });

  window.penStop.sendBySocket = () => stream.send({ type: "stop" });
  /* Space may be something else than STOP only while the pen says, now, that its needle is held off. No pen, no needle. */
  window.penStop.needleSafe = () => {
    if (!stream.connected || stream.state === null) return false;
    if (stream.state.pen.link === "searching" || stream.state.pen.link === "refused") return true;
    return !stream.stale() && window.penStop.safeStates.has(stream.penState());
  };
  window.penStream = stream;
  open();
})();
