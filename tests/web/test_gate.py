"""Who may come in, and what may not."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.web.server import ServerOptions, serve

from tests.web.conftest import PATIENCE, Server, Starter, _workspace  # pyright: ignore[reportPrivateUsage]

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a token."""
    starter = _workspace(tmp_path_factory.mktemp("guarded"))
    (starter.folder / "token").write_text(f"{TOKEN}\n")
    yield starter("--token-file", "token", "--allow-host", "Puppet.example")
    starter.end()


def _raw(server: Server, head: str) -> str:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        return connection.recv(65536).decode().split("\r\n")[0]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "10.1.2.3:80", "[::1]:8765"])
def test_addresses_and_localhost_are_its_names(server: Server, host: str) -> None:
    assert server.request("/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "a@127.0.0.1",
        "127.0.0.1/x",
        "",
        "127.1:x",
        "2130706433",
    ],
)
def test_a_foreign_name_gets_nothing(server: Server, host: str) -> None:
    for path in ("/", "/events?client_id=x", "/static/chat.js", "/login"):
        assert " 421 " in _raw(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert " 421 " in _raw(server, f"POST /chat HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\n\r\ntext=x")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_somebody_else_changes_nothing(server: Server, headers: dict[str, str]) -> None:
    conversation, _ = server.ask("Hello")
    assert server.request("/chat", {"text": "x"}, headers)[0] == 403
    assert server.request(f"/c/{conversation}/title", {"title": "x"}, headers)[0] == 403
    assert server.request(f"/c/{conversation}", headers=headers, method="DELETE")[0] == 403
    assert "Hello" in server.page(conversation)


def test_its_own_page_may(server: Server) -> None:
    for headers in ({"Origin": server.base}, {"Sec-Fetch-Site": "same-origin"}):
        assert server.request("/chat", {"text": "x"}, headers)[0] == 202


def test_every_answer_keeps_scripts_and_frames_of_others_out(server: Server) -> None:
    for path in ("/", "/static/chat.js", "/nothing", "/conversations", "/c/none"):
        _, _, headers = server.request(path)
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy and "default-src 'none'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    _, page, _ = server.request("/")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)


def test_files_beside_its_own_are_not_served(server: Server) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/vendor/..%2f..%2f__init__.py", "/static/"):
        assert server.request(path)[0] == 404


def test_too_much_is_refused_before_it_is_read(server: Server) -> None:
    head = "POST /chat HTTP/1.1\r\nHost: localhost\r\n"
    assert " 413 " in _raw(server, f"{head}Content-Length: 99999999999\r\n\r\n")
    assert " 413 " in _raw(server, f"{head}Transfer-Encoding: chunked\r\n\r\n")
    assert server.request("/chat", {"text": "x" * 1_000_001})[0] == 400
    assert server.request("/chat", {"text": " \n"})[0] == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \u00e4"},
        {"Cookie": f"geppetto={TOKEN}"},
    ],
)
def test_without_the_token_there_is_nothing(guarded: Server, headers: dict[str, str]) -> None:
    for path in (
        "/conversations",
        "/events?client_id=x",
        "/vendor/htmx.min.js",
        "/c/x",
        "/nothing",
        "/login/",
    ):
        assert guarded.request(path, headers=headers)[0] == 401
    assert guarded.request("/chat", {"text": "x"}, headers)[0] == 401
    status, _, answer = guarded.request("/", headers={"Accept": "text/html", **headers})
    assert (status, answer["location"]) == (303, "/login")


def test_the_printed_link_lets_in_and_the_token_does_not_stay_in_it(guarded: Server) -> None:
    link = guarded.address.removeprefix(guarded.base)
    assert link == f"/login?token={TOKEN}"
    status, _, headers = guarded.request(link)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and TOKEN not in cookie
    status, page, _ = guarded.request("/", headers={"Cookie": cookie.split(";")[0]})
    assert status == 200 and TOKEN not in page
    assert guarded.request("/", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert guarded.request("/", headers={"Host": "puppet.example", "Cookie": cookie.split(";")[0]})[0] == 200


def test_the_form_lets_in_too_and_a_wrong_token_does_not(guarded: Server) -> None:
    assert 'name="token"' in guarded.request("/login")[1]
    status, _, headers = guarded.request("/login", {"token": TOKEN})
    assert (status, headers["location"]) == (303, "/") and "set-cookie" in headers
    for values in ({"token": "wrong"}, {"token": ""}, {}):
        _, _, headers = guarded.request("/login", {"x": "", **values})
        assert headers["location"] == "/login?wrong=1" and "set-cookie" not in headers
    assert guarded.request("/login", {"token": TOKEN}, {"Origin": "http://evil.example"})[0] == 403


def test_beyond_the_loopback_it_makes_a_token_and_keeps_it(start: Starter) -> None:
    server = start("--host", "0.0.0.0")
    token = start.folder / "state" / "web" / "token"
    assert token.read_text().strip() in server.address
    assert token.stat().st_mode & 0o077 == 0
    assert server.request("/conversations")[0] == 401


@pytest.mark.parametrize("content", ["short", "", "x" * 15])
def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(GeppettoError, match="too easy to guess"):
        serve(ServerOptions(tmp_path, port=0, token_file=tmp_path / "token"))


def test_without_the_extra_it_says_what_to_install(start: Starter) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['starlette'] = None; sys.argv = ['geppetto', 'web']\n"
            "from geppetto.cli.main import main; sys.exit(main())",
        ],
        cwd=start.folder,
        env=start.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "starlette" in done.stderr and "pip install 'geppetto[web]'" in done.stderr
