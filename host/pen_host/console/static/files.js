/* Reports are fetched and saved, photographs are sent: what went wrong is said beside the button, and nothing is left. */
"use strict";
(() => {
  const { say } = window.penFrame;
  const MEDIA = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", tif: "image/tiff", tiff: "image/tiff" };

  async function problem(answer) {
    try { return await answer.json(); } catch { return { detail: say("files.failed"), errors: [] }; }
  }

  async function save(link) {
    const wrong = link.parentElement.querySelector(".wrong");
    wrong.textContent = "";
    link.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link.href, { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) { wrong.textContent = (await problem(answer)).detail; return; }
      const url = URL.createObjectURL(await answer.blob());
      const saved = document.createElement("a");
      saved.href = url;
      saved.download = link.dataset.download;
      saved.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    } catch {
      wrong.textContent = say("files.no_answer");
    } finally {
      link.removeAttribute("aria-busy");
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-download]") : null;
    if (link === null) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy") === null) save(link);
  });

  /* The page's own code is told what became of it, with the fields that are wrong. */
  async function send(patient) {
    const of = (name) => document.getElementById(`f-${name}`);
    const file = of("file").files[0];
    if (!file) return { errors: [{ field: "file", message: say("files.choose") }], detail: "" };
    const asked = new URLSearchParams({ view: of("view").value, day: of("day").value });
    if (of("note").value.trim()) asked.set("note", of("note").value.trim());
    const media = file.type || MEDIA[file.name.split(".").pop().toLowerCase()] || "application/octet-stream";
    try {
      const answer = await fetch(`/api/patients/${patient}/photographs?${asked}`, {
        method: "POST", body: file, headers: { "Content-Type": media }, credentials: "same-origin", cache: "no-store",
      });
      return answer.ok ? { errors: [], detail: "", done: true } : await problem(answer);
    } catch {
      return { errors: [], detail: say("files.no_answer") };
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-send-photograph]") : null;
    if (button === null || button.disabled) return;
    button.disabled = true;
    try {
      window.emitEvent("pen-photograph", await send(button.dataset.sendPhotograph));
    } finally {
      button.disabled = false;
    }
  });

  /* A bundle, or an export of many. What it would bring is looked at by the console, and shown by the page. */
  async function sendBundle() {
    const file = document.getElementById("f-import-file").files[0];
    if (!file) return { errors: [{ field: "file", message: say("files.choose_bundle") }], detail: "" };
    const media = file.name.toLowerCase().endsWith(".zip") ? "application/zip" : "application/fhir+json";
    try {
      const answer = await fetch("/api/imports/file", {
        method: "POST", body: file, headers: { "Content-Type": media }, credentials: "same-origin", cache: "no-store",
      });
      return answer.ok ? { errors: [], detail: "", done: true } : await problem(answer);
    } catch {
      return { errors: [], detail: say("files.no_answer") };
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-send-bundle]") : null;
    if (button === null || button.disabled) return;
    button.disabled = true;
    try {
      window.emitEvent("pen-bundle", await sendBundle());
    } finally {
      button.disabled = false;
    }
  });

  // A locked console shows nobody: also where an armed pen keeps this page open.
  window.penStream.on("state", (state) => {
    if (state.session.locked) for (const one of document.querySelectorAll("[data-private]")) one.remove();
  });
})();
