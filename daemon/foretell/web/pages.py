"""The pages for people: the duty page and one page for each ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from foretell.web import view
from foretell.web.api import find_ticket
from foretell.web.door import Door, Status
from foretell.web.words import LANGUAGES, TAGS, choose_language

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Handlers of what a browser shows."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def front(self, request: Request) -> Response:
        """Everything that is open, most urgent first."""
        status = self._door.status()
        reader = _reader(request, status)
        rows = await run_in_threadpool(self._door.tickets, live_only=False)
        shown, beyond, closed = view.cards(rows, reader)
        return self._page(
            "front.html", request, status, reader,
            summary=view.summary(status, shown, beyond, reader), shown=shown, beyond=beyond, closed=closed,
            empty=view.emptiness(status, reader), banners=view.banners(status, reader),
        )  # fmt: skip

    async def shadow(self, request: Request) -> Response:
        """What the rules in shadow would have opened, which is nobody's work."""
        status = self._door.status()
        reader = _reader(request, status)
        rows = await run_in_threadpool(self._door.shadowed, live_only=False)
        shown, beyond, closed = view.cards(rows, reader)
        return self._page(
            "shadow.html", request, status, reader, shown=shown, beyond=beyond, closed=closed,
        )  # fmt: skip

    async def ticket(self, request: Request) -> Response:
        """One ticket with all that happened to it, and the evidence."""
        status = self._door.status()
        reader = _reader(request, status)
        row = await find_ticket(self._door, request.path_params["id"])
        kind = self._door.desk().kinds.get(row["device_kind"])
        events, left_out = view.events(row["events"], kind, reader)
        return self._page(
            "ticket.html", request, status, reader,
            card=view.card(row, reader), device=row["device"], events=events, left_out=left_out,
            reported=view.reported(row["events"], reader),
        )  # fmt: skip

    def _page(
        self, name: str, request: Request, status: Status, reader: view.Reader, **values: Any
    ) -> Response:
        path = request.scope["path"]
        html = self._templates.get_template(name).render(
            reader=reader, say=reader.say, path=path, tag=TAGS[reader.language],
            site=view.title_of(status, reader), version=status.version,
            languages=[(TAGS[each], reader.link(path, each), each == reader.language) for each in LANGUAGES],
            **values,
        )  # fmt: skip
        return HTMLResponse(
            html, headers={"content-language": TAGS[reader.language], "vary": "accept-language"}
        )


def _reader(request: Request, status: Status) -> view.Reader:
    asked = request.query_params.get("lang")
    language = choose_language(asked, request.headers.get("accept-language", ""), status.language)
    return view.Reader(
        language,
        status.now,
        asked is not None,
        "pause" in request.query_params,
        ZoneInfo(status.zone) if status.zone else None,
    )
