"""A real server on a free port, and a real browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp

from foretell.metrics import make_registry
from foretell.web.app import make_app
from foretell.web.server import serve
from tests.web.estate import EstateDoor, fill


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """The app on a port of its own, in a loop of its own thread; stopped as the daemon stops it."""
    listening: Future[int] = Future()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        try:
            await serve(app, "127.0.0.1", 0, listening.set_result)
        except BaseException as error:
            if not listening.done():
                listening.set_exception(error)
            raise

    running = loop.create_task(run())

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(asyncio.wait([running]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield listening.result(10)
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join(10)
        assert running.cancelled()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[EstateDoor]:
    """An estate with nothing to do."""
    door = EstateDoor(tmp_path)
    yield door
    door.ledger.close()


@pytest.fixture
def busy(door: EstateDoor) -> EstateDoor:
    """The estate with three open tickets and two closed ones."""
    fill(door.ledger)
    return door


@pytest.fixture
def port(door: EstateDoor) -> Iterator[int]:
    with serving(make_app(door, make_registry(door))) as port:
        yield port


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
