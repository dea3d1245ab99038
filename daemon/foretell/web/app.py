"""Every address of the web room, and what answers there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from foretell.web.api import Api
from foretell.web.door import Door
from foretell.web.errors import failure
from foretell.web.guard import Guard
from foretell.web.pages import Pages

STATIC = Path(__file__).parent / "static"


def make_app(door: Door, registry: CollectorRegistry) -> Starlette:
    """The page, the API, the metrics and the management addresses."""
    pages, api, manage = Pages(door), Api(door), Management(door, registry)
    return Starlette(
        routes=[
            Route("/", pages.front),
            Route("/shadow", pages.shadow),
            Route("/tickets/{id}", pages.ticket),
            Route("/api/v1/tickets", api.tickets),
            Route("/api/v1/tickets/{id}", api.ticket),
            Route("/api/v1/reports", api.reports, methods=["GET"]),
            Route("/api/v1/reports", api.report, methods=["POST"]),
            Route("/api/v1/rules/{kind}/{name}/explain", api.explain),
            Route("/metrics", manage.metrics),
            Route("/-/healthy", manage.healthy),
            Route("/-/ready", manage.ready),
            Route("/-/reload", manage.reload, methods=["POST"]),
            Mount("/static", Static(directory=STATIC)),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: failure, Exception: failure},
    )


class Static(StaticFiles):
    """Files of the page; browsers ask each time whether they changed, so an upgrade shows at once."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["cache-control"] = "no-cache"
        return response


class Management:
    """Handlers for programs that look after foretell; addresses as Prometheus has them."""

    def __init__(self, door: Door, registry: CollectorRegistry) -> None:
        self._door = door
        self._registry = registry

    async def metrics(self, request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        # In a thread, because a scrape reads the database.
        body = await run_in_threadpool(encode, self._registry)
        return Response(body, headers={"content-type": kind})

    async def healthy(self, _request: Request) -> Response:
        return PlainTextResponse("foretell is healthy\n")

    async def ready(self, _request: Request) -> Response:
        status = self._door.status()
        if status.ready:
            return PlainTextResponse("foretell is ready\n")
        return PlainTextResponse(_lines(status.not_ready) or "foretell is starting\n", 503)

    async def reload(self, _request: Request) -> Response:
        problems = await self._door.reload()
        if problems:
            return PlainTextResponse(_lines(problems), 422)
        return PlainTextResponse("reloaded\n")


def _lines(texts: tuple[str, ...]) -> str:
    return "".join(f"{text}\n" for text in texts)
