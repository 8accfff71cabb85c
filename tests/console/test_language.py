"""Another language reaches every page: with each text of the catalogue marked, nothing unmarked is left but what is data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.console.desk import Desk, studio

pytestmark = pytest.mark.xdist_group("console-pages")
MARKED = """
import pen_host.console.pages as pages
from pen_host.console.texts import ENGLISH, Catalogue, catalogue
real = catalogue()
marked = Catalogue("xx", {key: f"«{real(key)}»" for key in real.keys}, real)
pages.catalogue = lambda language=ENGLISH: marked
"""
"""Runs in the console's process before it starts."""
PAGES = {
    "": ("/login", "/", "/treat", "/live", "/records", "/service", "/no-such-page"),
    "Admin": (
        *("/", "/treat", "/live", "/records", "/service", "/bench", "/cohort", "/export", "/stations"),
        *(f"/patients/{{patient}}{part}" for part in ("", "/photographs", "/measures", "/aftercare")),
    ),
    "Engineer": ("/treat", "/service"),
}
"""Who sees what."""
UNMARKED = """() => {
  const data = 'script, style, .said, td, dd, option, [data-data], #popup, #too_long_message_popup, #esm-fallback';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.textContent.trim();
    if (!/\\p{L}{2}/u.test(text) || node.parentElement.closest(data) !== null) continue;
    if (!text.includes('«')) found.push(text);
  }
  for (const one of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
    for (const name of ['aria-label', 'title', 'placeholder']) {
      const text = one.getAttribute(name);
      if (text && /\\p{L}{2}/u.test(text) && !text.includes('«') && one.closest(data) === null) found.push(`${name}: ${text}`);
    }
  }
  return found;
}"""


def _own_words(desk: Desk) -> str:
    """What the pen, the rules and the record say by themselves: advice, questions, plans, faults, people."""
    paths = ("/api/state", "/api/presets", "/api/treatment/questions", "/api/bench", "/api/session")
    return " ".join(json.dumps(desk.bench.get(path), ensure_ascii=False) for path in paths)


def _unmarked(desk: Desk) -> list[str]:
    # what the pen says of itself may change amid the look
    before, found, after = _own_words(desk), desk.page.evaluate(UNMARKED), _own_words(desk)

    def own(text: str) -> bool:
        said = json.dumps(text.removeprefix("aria-label: "), ensure_ascii=False)[1:-1]
        return all(sentence in before + after for sentence in re.split(r"(?<=[.!?]) ", said))

    return [text for text in found if not own(text)]


def test_every_text_on_every_page_comes_from_the_catalogue(driver: Playwright, tmp_path: Path) -> None:
    left: dict[str, list[str]] = {}
    with studio(tmp_path, driver, MARKED) as room:
        desk = room.desk()
        for name, paths in PAGES.items():
            if name:
                answer = desk.bench.post("/api/session/sign-in", name=name, pin="2580")
                assert answer.status == 200
            for path in paths:
                patient = desk.bench.get("/api/patients")[0]["patient_id"] if "{" in path else ""
                desk.page.goto(desk.served.base + path.format(patient=patient))
                desk.alive(desk.page)
                left[f"{path} as {name or 'nobody'}"] = _unmarked(desk)
    assert {page: texts for page, texts in left.items() if texts} == {}
