"""Screenshots of every page in both themes, at laptop and tablet size: `python -m tests.console.screenshots OUT`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.console.desk import Desk, studio
from tests.console.joined import BEFORE, tour_joined
from tests.console.tour import tour

SIZES = {"laptop": (1366, 768), "tablet": (1024, 768), "tablet-portrait": (768, 1024)}
THEMES = ("light", "dark")
SETTLE_MS = 200
"""Fonts and the chart's first lines."""


class Camera:
    """Takes each stop of the tour in both themes and every size.

    Args:
        out: Directory for the pictures.
        whole: The whole page and not what fits the screen.
    """

    def __init__(self, out: Path, whole: bool) -> None:
        self._out = out
        self._whole = whole
        self.taken = 0

    def look(self, name: str, desk: Desk) -> None:
        """Take it."""
        self.taken += 1
        for size, (width, height) in SIZES.items():
            desk.page.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                desk.page.evaluate(
                    "(theme) => { document.documentElement.dataset.theme = theme; dispatchEvent(new Event('pen-theme')); }",
                    theme,
                )
                desk.page.wait_for_timeout(SETTLE_MS)
                path = self._out / f"{self.taken:02d}-{name}-{size}-{theme}.png"
                desk.page.screenshot(path=path, full_page=self._whole)
        desk.page.set_viewport_size({"width": SIZES["laptop"][0], "height": SIZES["laptop"][1]})
        desk.page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")


def main(arguments: list[str]) -> int:
    """Write them.

    Args:
        arguments: The directory; `--whole` for whole pages.
    """
    places = [one for one in arguments if not one.startswith("-")]
    if len(places) != 1:
        print("usage: python -m tests.console.screenshots OUT [--whole]", file=sys.stderr)
        return 2
    out = Path(places[0])
    out.mkdir(parents=True, exist_ok=True)
    camera = Camera(out, "--whole" in arguments)
    with (
        tempfile.TemporaryDirectory(prefix="pen-screenshots-") as place,
        tempfile.TemporaryDirectory(prefix="pen-screenshots-") as other,
        sync_playwright() as driver,
        studio(Path(place), driver) as room,
    ):
        tour(room.desk(), camera.look)
        with studio(Path(other), driver, BEFORE) as joined:
            tour_joined(joined.desk(), camera.look)
    print(f"{camera.taken * len(SIZES) * len(THEMES)} pictures in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
