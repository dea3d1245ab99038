"""The web server inside the daemon's own loop: it takes no signals, and stops when we do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

CONNECTIONS_MAX = 100
STOP_WITHIN_S = 3


class CannotListen(Exception):
    """The address cannot be had; the message says in one line which and why."""


class Server(uvicorn.Server):
    """uvicorn as a guest: the daemon itself decides what a signal means."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()


async def serve(app: ASGIApp, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until cancelled; `started` is told the port, also when asked for port 0. Raises CannotListen."""
    ear = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    server = Server(config, lambda: started(ear.getsockname()[1]))
    running = asyncio.create_task(server.serve(sockets=[ear]), name="web server")
    try:
        await asyncio.shield(running)
    finally:
        # Cancelling uvicorn outright would leave its connections open.
        server.should_exit = True
        await running


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=CONNECTIONS_MAX)
    except OSError as error:
        # The text of Python's own error varies; the system's does not.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise CannotListen(
            f"cannot listen on {where}: {why.lower()}; set another web.port or stop what uses it"
        ) from error
