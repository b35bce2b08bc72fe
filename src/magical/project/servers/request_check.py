"""The check in front of the servers of `magical ui`: a page of another site cannot read or write there.

uvicorn imports this module to make the app of a server; see `hosting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["RequestCheck", "create_mlflow_app", "create_prefect_app"]

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_READING_METHODS = ("GET", "HEAD")


class RequestCheck:
    """Passes requests of a server's own pages, and of clients on this machine, to its app; refuses others.

    A browser sends any page's requests to 127.0.0.1, and lets a page read the answers if the page's host name
    is made to point there (DNS rebinding). It says truly whence a request comes: a foreign ``Host`` or
    ``Origin`` is refused with 403; an ``Origin`` of null, or a page of another site that sends none, may only
    read. Clients other than browsers send neither ``Origin`` nor ``Sec-Fetch-Site``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a websocket on, or refuse it."""
        if scope["type"] != "lifespan" and (reason := _find_refusal(scope)):
            await PlainTextResponse(f"{reason}\n", status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def create_prefect_app() -> ASGIApp:
    """Create the app of Prefect's server, behind the check."""
    from prefect.server.api.server import create_app

    return RequestCheck(create_app(final=True))


def create_mlflow_app() -> ASGIApp:
    """Create the app of MLflow's server, behind the check; `mlflow server` finds it by its entry point."""
    # MLflow's own check lets pages of any port of this machine write, and guards only a part of its paths.
    from mlflow.server.fastapi_app import app

    return RequestCheck(app)


def _find_refusal(scope: Scope) -> str:
    """Return why a request is refused; empty if it is not."""
    headers, port = Headers(scope=scope), scope["server"][1]  # the port of the socket, whatever a header says
    own = {f"{name}:{port}" for name in _LOCAL_NAMES}
    # A header that is sent twice is checked twice: the app may read either.
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if not hosts or not {*hosts} <= {*own, *_LOCAL_NAMES}:
        return f"Refused: the Host of a request must be 127.0.0.1:{port} or localhost:{port}."
    writes = scope["type"] == "websocket" or scope["method"] not in _READING_METHODS
    foreign = {*origins} - {f"http://{host}" for host in own}
    if foreign and (writes or foreign != {"null"}):
        return "Refused: the Origin of the request is a page of another site."
    if writes and not origins and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "Refused: the request comes from a page of another site."
    return ""
