"""A console and a browser are dear: tests that share one run in one worker."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("console-pages")
def test_the_runner_knows_which_tests_share_a_console(request: pytest.FixtureRequest, worker_id: str) -> None:
    assert worker_id == "master" or request.node.nodeid.endswith("@console-pages")
