"""Only those who belong: every way in that is known to have been used against others, tried here."""

from __future__ import annotations

import json
import re
import socket
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pen_host.api import live_socket
from pen_host.api.guard import Policy
from pen_host.api.guard.policy import BODY_MAX
from pen_host.api.live_messages import MESSAGE_MAX
from tests.console.api.bench import PATIENCE_S, Answer, Browser, ConsoleBench, ask, wait_until

JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.xdist_group("console-guard")


def stop(bench: ConsoleBench, **headers: str) -> Answer:
    return ask(bench.port, "POST", "/api/stop", "{}", {**JSON, **headers})


@pytest.fixture(scope="module")
def browser(served: ConsoleBench) -> Browser:
    return served.browser()


# --- host -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1:1",
        "",
        "127.0.0.1:{port}.",
        "0.0.0.0:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/api/state", "/api/health", "/launch?token=x", "/api/openapi.json"])
def test_a_foreign_host_gets_nothing(served: ConsoleBench, browser: Browser, host: str, path: str) -> None:
    answer = ask(
        served.port, "GET", path, headers={"Host": host.format(port=served.port), "Cookie": browser.cookie}
    )
    assert answer.status == 421
    assert "set-cookie" not in answer.headers


def test_a_request_with_two_hosts_is_refused(served: ConsoleBench) -> None:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
    connection.putrequest("GET", "/api/health", skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{served.port}")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_the_names_of_loopback_are_the_consoles(served: ConsoleBench) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        assert ask(served.port, "GET", "/api/health", headers={"Host": f"{name}:{served.port}"}).status == 200


def test_it_listens_on_loopback_only(served: ConsoleBench) -> None:
    bound = {one.getsockname()[0] for one in served.server.door.sockets}
    assert bound <= {"127.0.0.1", "::1"}


def test_a_peer_beyond_this_computer_is_refused_even_where_the_binding_failed_to_keep_it_out() -> None:
    local = Policy(8000)
    assert local.peer_belongs("127.0.0.1")
    assert local.peer_belongs("::1")
    for peer in ("192.168.1.7", "10.0.0.1", "fe80::1", None, "testclient", ""):
        assert not local.peer_belongs(peer)


# --- origin and site --------------------------------------------------------------------------------------------------------

FOREIGN = [
    "http://evil.example",
    "null",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:1",
    "http://localhost",
    "data:",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(
    served: ConsoleBench, browser: Browser, origin: str
) -> None:
    given = {"Origin": origin.format(port=served.port), "Cookie": browser.cookie}
    assert ask(served.port, "POST", "/api/session/lock", "{}", {**JSON, **given}).code == "origin_not_allowed"
    assert ask(served.port, "GET", "/api/state", headers=given).code == "origin_not_allowed"
    assert browser.get("/api/session").json["locked"] is False


def test_a_change_without_an_origin_is_refused(served: ConsoleBench, browser: Browser) -> None:
    answer = ask(served.port, "POST", "/api/session/lock", "{}", {**JSON, "Cookie": browser.cookie})
    assert answer.code == "origin_not_allowed"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "strange"])
def test_what_another_site_asks_for_is_refused(served: ConsoleBench, browser: Browser, site: str) -> None:
    """Another port of this computer is the same site, and another origin."""
    given = {"Sec-Fetch-Site": site, "Cookie": browser.cookie, "Origin": browser.origin}
    assert ask(served.port, "GET", "/api/state", headers=given).code == "cross_site"
    assert ask(served.port, "POST", "/api/session/lock", "{}", {**JSON, **given}).code == "cross_site"


@pytest.mark.parametrize("origin", [*FOREIGN, None])
def test_a_websocket_of_another_origin_or_none_is_refused(
    served: ConsoleBench, browser: Browser, origin: str | None
) -> None:
    given = origin.format(port=served.port) if origin is not None else None
    for path in ("/api/live", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(
                f"ws://127.0.0.1:{served.port}{path}",
                origin=given,  # type: ignore[arg-type]
                additional_headers={"Cookie": browser.cookie},
            ),
        ):
            pytest.fail("it was let in")
        assert refused.value.response.status_code == 403


@pytest.mark.covers("REQ-1802")
def test_a_websocket_without_the_cookie_is_refused(served: ConsoleBench, browser: Browser) -> None:
    with (
        pytest.raises(InvalidStatus),
        connect(f"ws://127.0.0.1:{served.port}/api/live", origin=browser.origin),  # type: ignore[arg-type]
    ):
        pytest.fail("it was let in")


@pytest.mark.covers("REQ-1802")
def test_the_whole_chain_of_dns_rebinding_ends_at_its_first_link(
    served: ConsoleBench, browser: Browser
) -> None:
    """A page of evil.example whose name now points here: its requests carry its own name, no cookie, and its own origin.

    Link by link: the page, the API, the websocket, the pages' own websocket, a change, STOP; each alone is refused too.
    """
    name = f"evil.example:{served.port}"
    own = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
    assert ask(served.port, "GET", "/", headers={"Host": name}).status == 421
    assert ask(served.port, "GET", "/api/state", headers=own).status == 421
    assert ask(served.port, "POST", "/api/session/sign-in", "{}", {**JSON, **own}).status == 421
    assert ask(served.port, "POST", "/api/stop", "{}", {**JSON, **own}).status == 421
    for path in ("/api/live", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as line:
            line.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            assert line.recv(64).startswith(b"HTTP/1.1 403")


# --- forged requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
    ],
)
def test_a_form_of_another_page_is_no_json(served: ConsoleBench, browser: Browser, media: str) -> None:
    given = {"Origin": browser.origin, "Cookie": browser.cookie, "Content-Type": media}
    answer = ask(served.port, "POST", "/api/session/lock", "{}", given)
    assert (answer.status, answer.code) == (415, "not_json")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(served: ConsoleBench, browser: Browser, method: str) -> None:
    answer = ask(
        served.port, method, "/api/session/lock", headers={"Cookie": browser.cookie, "Origin": browser.origin}
    )
    assert answer.status in (400, 405)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(served: ConsoleBench) -> None:
    url = served.server.launch_url()
    cookie = ask(served.port, "GET", url.partition(f":{served.port}")[2]).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Max-Age" not in cookie, "it ends with the browser"


# --- launch -------------------------------------------------------------------------------------------------------------


@pytest.mark.covers("REQ-1802")
def test_a_launch_token_works_once_and_leaves_the_address(served: ConsoleBench) -> None:
    path = served.server.launch_url().partition(f":{served.port}")[2]
    first = ask(served.port, "GET", path)
    assert (first.status, first.headers["location"]) == (303, "/")
    again = ask(served.port, "GET", path)
    assert again.status == 401
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("token", ["", "x", "token=", "%00", "a" * 4000])
def test_another_token_opens_nothing(served: ConsoleBench, token: str) -> None:
    answer = ask(served.port, "GET", f"/launch?token={token}")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_a_launch_address_that_another_site_follows_opens_nothing_and_is_not_used_up(
    served: ConsoleBench,
) -> None:
    path = served.server.launch_url().partition(f":{served.port}")[2]
    assert ask(served.port, "GET", path, headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert ask(served.port, "GET", path, headers={"Sec-Fetch-Site": "none"}).status == 303


@pytest.mark.parametrize(
    "cookie", ["pen_console=guess", "pen_console=", "other=1", "", "pen_console=a; pen_console=b"]
)
def test_without_its_cookie_nothing_is_served_but_the_way_in_and_stop(
    served: ConsoleBench, cookie: str
) -> None:
    for path in ("/", "/api/state", "/api/openapi.json", "/api/bench", "/_nicegui/anything"):
        assert ask(served.port, "GET", path, headers={"Cookie": cookie}).status == 401
    assert ask(served.port, "GET", "/api/health").status == 200
    own = f"http://127.0.0.1:{served.port}"
    wait_until(lambda: stop(served, Origin=own).json["confirmed"], "the confirmation")


ANYBODYS = frozenset(
    {
        *("/api/health", "/api/openapi.json", "/api/state", "/api/live/newest", "/api/session"),
        *("/api/treatment", "/api/treatment/questions", "/api/treatment/consent-text", "/api/presets"),
        *("/api/bench", "/api/bench/edges"),
    }
)
"""What a browser is told that belongs to the console but has nobody signed in; no patient is in it."""
WITHOUT_PIN = frozenset(
    {
        *("/api/stop", "/api/launch", "/api/bench", "/api/control/take", "/api/stop/clear"),
        *(f"/api/session/{what}" for what in ("sign-in", "sign-out", "lock", "touch", "setup")),
    }
)
"""What may be sent by who is not signed in; some of it is refused for other reasons."""


def routes(browser: Browser) -> dict[str, set[str]]:
    """Every path that the console serves, with something in its places."""
    found = browser.get("/api/openapi.json").json["paths"]
    filled = {
        "visit_id": "0" * 32,
        "patient_id": "P-00000-00000",
        "session_id": "s1",
        "preset_id": "neck_wrinkles",
        "which": "1",
    }
    keys = ("photo_id", "reaction_id", "consent_id", "outcome_id")
    return {
        path.format_map({**dict.fromkeys(keys, "0" * 32), **filled}): {*methods}
        for path, methods in found.items()
    }


def test_no_path_tells_anything_to_whom_nobody_signed_in(served: ConsoleBench, browser: Browser) -> None:
    stranger, locked, paths = served.browser(None), served.browser(), routes(browser)
    locked.post("/api/session/lock")
    assert len(paths) > 60
    for path, methods in paths.items():
        if "get" in methods and path not in ANYBODYS:
            asked = (
                f"{path}?lot=L&code=C"
                if path.endswith(("/lot", "/lots", "/cartridges", "/cartridge"))
                else path
            )
            assert stranger.get(asked).code == "sign_in_first", path
            assert locked.get(asked).code == "locked", path


def test_no_path_does_anything_for_whom_nobody_signed_in(served: ConsoleBench, browser: Browser) -> None:
    stranger = served.browser(None)
    refused = {"sign_in_first", "invalid_fields", "not_a_picture", "not_in_control"}
    for path, methods in routes(browser).items():
        if "post" in methods and path not in WITHOUT_PIN:
            assert stranger.post(path).code in refused, path
    full = {
        "form": "csv",
        "topical_window_hours": 72,
        "text_sha256": "0" * 64,
        "signed_by": "A",
        "change": "rekey",
    }
    full |= {"code": "C", "needles": 12, "lot": "L", "folder": "F", "text": "T"}
    full |= {"reason": "R", "pin": "2580", "measured": {}, "preset": {}, "replaces": "x", "key": "x"}
    for path, names in {
        "/api/exports": ("form",),
        "/api/house": ("topical_window_hours",),
        "/api/patients/P-00000-00000/photographs/consent": ("text_sha256",),
        "/api/patients/P-00000-00000/consents": ("text_sha256", "signed_by"),
        f"/api/consents/{'0' * 32}/withdraw": ("reason", "pin"),
        f"/api/outcomes/{'0' * 32}/amend": ("measured", "reason"),
        "/api/protocols": ("preset",),
        "/api/protocols/neck_wrinkles": ("preset", "replaces"),
        "/api/imports/take-in": ("key",),
        "/api/record/at-rest": ("change",),
        "/api/stations/replicate": (),
        "/api/stock": ("code", "needles"),
        "/api/stock/discard": ("code",),
        "/api/stock/recall": ("lot", "reason", "pin"),
        "/api/safe/save": ("folder",),
        "/api/safe/code": ("pin",),
        "/api/patients/P-00000-00000/notes": ("text",),
        "/api/patients/P-00000-00000/erase": ("reason", "pin"),
    }.items():
        assert stranger.post(path, **{name: full[name] for name in names}).code == "sign_in_first", path


# --- the key of the same user ---------------------------------------------------------------------------------------------


def test_a_program_with_the_key_may_ask_and_stop_and_open_a_page_but_not_treat(served: ConsoleBench) -> None:
    keyed = {**JSON, "Authorization": f"Bearer {served.server.running.key}"}
    assert ask(served.port, "GET", "/api/state", headers=keyed).status == 200
    wait_until(
        lambda: ask(served.port, "POST", "/api/stop", "{}", keyed).json["confirmed"], "the confirmation"
    )
    path = ask(served.port, "POST", "/api/launch", "{}", keyed).json["path"]
    assert ask(served.port, "GET", path).status == 303
    body = json.dumps({"console_id": "x" * 22, "reference": "P-1"})
    assert ask(served.port, "POST", "/api/treatment/patient", body, keyed).code == "sign_in_first"
    assert ask(served.port, "GET", "/", headers=keyed).status == 401, "the key is for the API"


@pytest.mark.parametrize("key", ["", "guess", "é"])
def test_another_key_opens_nothing(served: ConsoleBench, key: str) -> None:
    given = {**JSON, "Authorization": f"Bearer {key}".encode().decode("latin-1")}
    assert ask(served.port, "GET", "/api/state", headers=given).status == 401
    assert ask(served.port, "POST", "/api/launch", "{}", given).status == 403


def test_a_browser_with_the_key_is_still_a_browser(served: ConsoleBench) -> None:
    keyed = {
        **JSON,
        "Authorization": f"Bearer {served.server.running.key}",
        "Origin": f"http://127.0.0.1:{served.port}",
    }
    assert ask(served.port, "POST", "/api/launch", "{}", keyed).status == 401


def test_a_browser_cannot_make_itself_a_launch_address(served: ConsoleBench, browser: Browser) -> None:
    assert browser.post("/api/launch").status == 403


# --- bodies ---------------------------------------------------------------------------------------------------------------


def test_a_body_beyond_the_limit_is_refused_by_its_length_and_by_its_size(
    served: ConsoleBench, browser: Browser
) -> None:
    given = {**JSON, "Origin": browser.origin, "Cookie": browser.cookie}
    large = json.dumps({"name": "x" * BODY_MAX, "pin": "1111"})
    assert ask(served.port, "POST", "/api/session/sign-in", large, given).code == "body_too_large"
    chunk = b"%x\r\n%b\r\n" % (len(large), large.encode())
    chunked = {**given, "Transfer-Encoding": "chunked"}
    told = ask(served.port, "POST", "/api/session/sign-in", chunk + b"0\r\n\r\n", chunked)
    assert (told.status, told.code) == (413, "body_too_large")


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", " ", "99999999999999999999"])
def test_a_length_that_is_none_is_refused(served: ConsoleBench, browser: Browser, length: str) -> None:
    given = {**JSON, "Origin": browser.origin, "Cookie": browser.cookie, "Content-Length": length}
    assert ask(served.port, "POST", "/api/session/lock", b"", given).status in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"{}" * 3,
        b"[" * 5_000,
        b'{"name": NaN}',
        b'{"name": 1e999}',
    ],
)
def test_a_malformed_body_gets_a_problem_and_changes_nothing(
    served: ConsoleBench, browser: Browser, body: bytes
) -> None:
    given = {**JSON, "Origin": browser.origin, "Cookie": browser.cookie}
    answer = ask(served.port, "POST", "/api/session/sign-in", body, given)
    assert answer.status in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.code in ("malformed", "invalid_fields")


@given(st.binary(max_size=300))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_body_at_all_makes_the_server_fail(served: ConsoleBench, browser: Browser, body: bytes) -> None:
    given = {**JSON, "Origin": browser.origin, "Cookie": browser.cookie}
    for path in ("/api/treatment/plan", "/api/control/take", "/api/bench"):
        answer = ask(served.port, "POST", path, body, given)
        assert 400 <= answer.status < 500
        assert answer.code in ("malformed", "invalid_fields")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"type":"dance"}', '{"type":"ack"}', '{"type":"ack","seq":-1}', '{"type":"ack","seq":"1"}',
     '{"type":"hello","console_id":5}', '{"type":"stop","more":1}', '{"type":"visible","visible":"yes please"}'],
)  # fmt: skip
def test_a_websocket_message_that_is_none_ends_the_connection(
    served: ConsoleBench, browser: Browser, text: str
) -> None:
    with raw(browser) as line:
        line.send(text)
        assert code_of_end(line) == 4400


def test_a_websocket_message_beyond_the_limit_ends_the_connection(
    served: ConsoleBench, browser: Browser
) -> None:
    with raw(browser) as line:
        line.send(json.dumps({"type": "hello", "console_id": "x" * MESSAGE_MAX}))
        assert code_of_end(line) == 1009


def test_a_websocket_that_says_no_hello_is_let_go(
    served: ConsoleBench, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "HELLO_S", 0.2)
    with raw(browser) as line:
        assert code_of_end(line) == 4408


def test_a_stolen_console_id_is_worth_nothing_in_another_browser(
    served: ConsoleBench, browser: Browser
) -> None:
    tab = browser.tab()
    thief = served.browser(None)
    with raw(thief) as line:
        line.send(json.dumps({"type": "hello", "console_id": tab.console_id}))
        assert code_of_end(line) == 4403
    thief.sign_in("Admin")
    stolen = thief.post("/api/treatment/patient", console_id=tab.console_id, reference="P-1")
    assert (stolen.status, stolen.code) == (403, "not_in_control")
    tab.close()


# --- answers ----------------------------------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers_that_keep_others_out(
    served: ConsoleBench, browser: Browser
) -> None:
    answers = [
        browser.get("/api/state"),
        browser.get("/api/nothing"),
        ask(served.port, "GET", "/"),
        ask(served.port, "GET", "/api/state", headers={"Host": "evil.example"}),
        browser.post("/api/stop"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'self'" in policy
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_what_is_not_there_is_a_problem_too(browser: Browser) -> None:
    answer = browser.get("/api/nothing")
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_name_of_html_and_script_comes_back_as_the_text_it_is(served: ConsoleBench) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    browser = served.browser()
    added = browser.post("/api/patients", full_name=name, birth_date="1990-01-01")
    assert added.json["demographics"]["full_name"] == name
    assert added.headers["content-type"] == "application/json"
    found = browser.get("/api/patients?find=%3Cscript").json
    assert [one["demographics"]["full_name"] for one in found] == [name]


def test_the_api_describes_itself_without_loading_anything_from_elsewhere(browser: Browser) -> None:
    told = browser.get("/api/openapi.json").json
    paths, parts = told["paths"], told["components"]["schemas"].keys()
    assert {"/api/stop", "/api/state", "/api/treatment/plan", "/api/control/take"} <= paths.keys()
    assert (
        {"Problem", "FieldProblem"} <= {*re.findall(r"#/components/schemas/(\w+)", json.dumps(told))} <= parts
    )
    assert all(
        "application/problem+json" in one["responses"]["4XX"]["content"]
        for one in paths["/api/stop"].values()
    )
    assert browser.get("/docs").status == 404


def code_of_end(line: ClientConnection) -> int | None:
    """With which code the server ends the connection."""
    try:
        while True:
            line.recv(PATIENCE_S)
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd else None


def raw(browser: Browser):  # type: ignore[no-untyped-def]
    return connect(
        f"ws://127.0.0.1:{browser.port}/api/live",
        origin=browser.origin,  # type: ignore[arg-type]
        additional_headers={"Cookie": browser.cookie},
        open_timeout=PATIENCE_S,
    )
