"""Who may ask: only browsers and scrapers that mean this machine, and acts only from our own page.

The page is bound to loopback, but any web page that someone opens on this machine can reach loopback, too:
under a name of its own that points here, or by posting a form. Both are refused here.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foretell.web.errors import HEADERS, answer

NAMES = ("localhost", "127.0.0.1", "[::1]")
READS = ("GET", "HEAD")


class Guard:
    """Every request passes here first, every answer last."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        said = Headers(scope=scope)
        port = scope["server"][1]
        if not _means_us(said.get("host", ""), port):
            why = f"Open foretell as http://localhost:{port}/ (through a tunnel: with the same port number)."
            await answer(Request(scope), 400, why)(scope, receive, secured)
        elif scope["method"] not in READS and not _from_here(said):
            await answer(Request(scope), 403, "Another site may not do this.")(scope, receive, secured)
        else:
            await self._app(scope, receive, secured)


def _means_us(host: str, port: int) -> bool:
    name, colon, given = host.lower().rpartition(":")
    if not colon or given.endswith("]"):
        name, given = host.lower(), "80"
    return name in NAMES and given == str(port)


def _from_here(said: Headers) -> bool:
    """Programs such as curl send neither header; browsers cannot leave them out."""
    if said.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    return said.get("origin", "") in ("", f"http://{said['host']}")
