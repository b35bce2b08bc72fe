"""Servers on this machine answer its own pages and clients only, whatever page a browser shows."""

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from magical.project.servers.hosting import await_servers, describe_mlflow_server, find_free_port
from magical.project.servers.request_check import RequestCheck
from projects import python

PORT = 4321
OWN = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}"]


async def _greet(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each request, and accept each websocket, as the app behind the check."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("hello")(scope, receive, send)


def _call(method: str, *headers: tuple[str, str]) -> list[dict[str, Any]]:
    """Return what the app behind the check sends; the method WS opens a websocket."""
    kind = {"type": "websocket"} if method == "WS" else {"type": "http", "method": method}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is to be read")

    scope = {**kind, "path": "/", "headers": raw, "server": ("127.0.0.1", PORT)}
    asyncio.run(RequestCheck(_greet)(scope, receive, send))
    return sent


def _ask(method: str, headers: dict[str, str]) -> int:
    """Return the status of the answer; 200 for an accepted websocket."""
    first = _call(method, *({"Host": OWN[0]} | headers).items())[0]
    return 200 if first["type"] == "websocket.accept" else int(first["status"])


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "WS"])
@pytest.mark.parametrize("host", [*OWN, "127.0.0.1", "localhost", "[::1]"])
def test_the_own_pages_and_other_clients_are_served(method: str, host: str) -> None:
    assert _ask(method, {"Host": host}) == 200
    for page in OWN:
        site = {"Origin": f"http://{page}", "Sec-Fetch-Site": "cross-site"}  # 127.0.0.1 and localhost are two
        assert _ask(method, {"Host": host, **site}) == 200
    for site in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert _ask(method, {"Host": host, **site}) == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "WS"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        "127.0.0.1:80",
        f"0.0.0.0:{PORT}",
        "",
    ],
)
def test_a_foreign_host_is_refused(method: str, host: str) -> None:
    assert _ask(method, {"Host": host}) == 403
    assert _ask(method, {"Host": host, "Origin": f"http://{OWN[0]}"}) == 403


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "WS"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        f"https://{OWN[0]}",
        "http://127.0.0.1:8888",
        "http://localhost",
        f"http://a@{OWN[0]}",
    ],
)
def test_a_page_of_another_site_is_refused(method: str, origin: str) -> None:
    assert _ask(method, {"Origin": origin}) == 403


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
    ids=str,
)
def test_a_page_without_an_origin_may_only_read(headers: dict[str, str]) -> None:
    assert _ask("GET", headers) == 200
    for method in ("POST", "DELETE", "WS"):
        assert _ask(method, headers) == 403


@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_a_header_that_is_sent_twice_is_checked_twice(name: str) -> None:
    right, wrong = (name, {"Host": OWN[0], "Origin": f"http://{OWN[0]}"}[name]), (name, "http://evil.example")
    for pair in ((right, wrong), (wrong, right)):
        assert _call("GET", ("Host", OWN[0]), *pair)[0]["status"] == 403


def test_a_request_without_a_host_is_refused() -> None:
    assert _call("GET")[0]["status"] == 403


@pytest.mark.parametrize("method", ["POST", "WS"])
def test_a_refusal_is_one_plain_line(method: str) -> None:
    start, body = _call(method, ("Host", "evil.example"))
    assert body["body"] == b"Refused: the Host of a request must be 127.0.0.1:4321 or localhost:4321.\n"
    assert (b"content-type", b"text/plain; charset=utf-8") in start["headers"]


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server."""
    home = tmp_path_factory.mktemp("mlflow")
    server = describe_mlflow_server(
        home, f"sqlite:///{home / 'mlflow.db'}", home / "artifacts", find_free_port()
    )
    with server.start() as process:
        await_servers([(server, process)])
        yield server.address


def _asked(address: str, method: str, data: Any = None, **headers: str) -> tuple[int, str]:
    """Return the answer of a real server to a request with exactly these headers beside the usual ones."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    body = None if data is None else json.dumps(data)
    path = f"{url.path or '/'}?{url.query}"
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def _write(api: str, name: str, **headers: str) -> tuple[int, str]:
    """Create a flow at Prefect's API, with a token that the server gave."""
    query = f"{api}/csrf-token?client=test"
    token = json.loads(_asked(query, "GET")[1])["token"]
    allowed = {"Prefect-Csrf-Client": "test", "Prefect-Csrf-Token": token}
    return _asked(f"{api}/flows/", "POST", {"name": name}, **allowed, **headers)


FOREIGN: dict[str, dict[str, str]] = {
    "host": {"Host": "evil.example"},
    "origin": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://localhost:8888"},
    "null": {"Origin": "null"},
    "no origin": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.slow
@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_no_other_page_writes_at_prefect(prefect_server: str, foreign: dict[str, str]) -> None:
    assert _write(prefect_server, "foreign", **foreign)[0] == 403
    assert _write(prefect_server, "own", Origin=prefect_server.removesuffix("/api"))[0] in (200, 201)
    statuses = [_asked(f"{prefect_server}/flows/name/{name}", "GET")[0] for name in ("own", "foreign")]
    assert statuses == [200, 404]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/health", "/", "/api/csrf-token?client=a", "/runs"])
def test_no_other_name_of_this_machine_reads_at_prefect(prefect_server: str, path: str) -> None:
    address = prefect_server.removesuffix("/api") + path
    assert _asked(address, "GET", Host="evil.example")[0] == 403
    assert _asked(address, "GET", Accept="text/html")[0] < 400


@pytest.mark.slow
def test_the_page_of_prefect_is_served(prefect_server: str) -> None:
    pages = urlsplit(prefect_server)
    status, text = _asked(f"http://localhost:{pages.port}/", "GET")
    assert (status, "<!DOCTYPE html>" in text) == (200, True)
    settings = json.loads(_asked(f"http://{pages.netloc}/ui-settings", "GET")[1])
    assert settings["api_url"] == prefect_server


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
def test_no_other_page_opens_a_websocket_of_prefect(prefect_server: str, path: str) -> None:
    address = prefect_server.replace("http:", "ws:") + path
    own = prefect_server.removesuffix("/api")
    for origin in (own, own.replace("127.0.0.1", "localhost"), None):  # clients other than browsers send none
        with connect(address, origin=origin, subprotocols=["prefect"]) as opened:  # type: ignore[arg-type, list-item]
            opened.send(json.dumps({"type": "auth", "token": None}))
            assert opened.ping().wait(30)
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, additional_headers=headers)
    with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as sock:
        with pytest.raises(InvalidStatus, match="403") as caught:
            connect("ws://evil.example" + urlsplit(address).path, sock=sock)
        assert caught.value.response.body.startswith(b"Refused: the Host")


@pytest.mark.slow
@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["/ajax-api/2.0/mlflow/experiments/create", "/graphql"])
def test_no_other_page_writes_at_mlflow(mlflow_server: str, path: str, foreign: dict[str, str]) -> None:
    status, text = _asked(f"{mlflow_server}{path}", "POST", {"name": "foreign"}, **foreign)
    assert (status, text.split(":")[0], text.count("\n")) == (403, "Refused", 1)


@pytest.mark.slow
def test_the_page_of_mlflow_is_served_to_itself(mlflow_server: str) -> None:
    create = f"{mlflow_server}/ajax-api/2.0/mlflow/experiments/create"
    assert _asked(create, "POST", {"name": "own"}, Origin=mlflow_server)[0] == 200
    assert "<!doctype html>" in _asked(f"{mlflow_server}/", "GET")[1].lower()
    for path in ("/", "/health", "/version"):
        assert _asked(f"{mlflow_server}{path}", "GET", Host="evil.example")[0] == 403


@pytest.mark.slow
def test_the_command_of_prefect_writes_through_the_check(prefect_server: str, tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": prefect_server}
    done = python("-m", "prefect", "work-pool", "create", "mine", "--type", "process", **home)
    assert done.returncode == 0, done.stderr
    assert json.loads(_asked(f"{prefect_server}/work_pools/mine", "GET")[1])["type"] == "process"


@pytest.mark.slow
def test_a_client_of_mlflow_writes_through_the_check(mlflow_server: str) -> None:
    script = "import mlflow; mlflow.log_metric('a', 1); mlflow.log_text('hello', 'greeting.txt')"
    done = python("-c", script, MLFLOW_TRACKING_URI=mlflow_server, MLFLOW_EXPERIMENT_NAME="mine")
    assert done.returncode == 0, done.stderr
    query = f"{mlflow_server}/ajax-api/2.0/mlflow/experiments/get-by-name?experiment_name=mine"
    assert json.loads(_asked(query, "GET")[1])["experiment"]["lifecycle_stage"] == "active"
