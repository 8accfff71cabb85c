"""A console without pages in a process of its own: `python -m tests.console.api.serve PLACE URL [--lan ADDRESS]`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pen_host.api.door import Door, Listening
from pen_host.api.opening import open_console
from pen_host.api.options import Options
from pen_host.api.tls import self_signed


def main(place: Path, url: str, lan: str | None) -> None:
    """Serve until a signal."""
    options = Options(
        sim=url.startswith("sim:"),
        url=url,
        journal=place / "record.sqlite3",
        data=place / "data",
        runtime=place / "runtime",
    )
    door = Door(Listening(0, lan, self_signed(lan, place / "tls") if lan else None))
    with open_console(options, door) as server:
        server.run(lambda: print(json.dumps({"url": server.launch_url(), "pid": os.getpid()}), flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[4] if "--lan" in sys.argv else None)
