"""What systemd hears, over a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.systemd import Notifier, watchdog_interval


class Ear:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(address)

    def heard(self) -> str:
        return self.socket.recv(4096).decode()

    def silent(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(str(tmp_path / "notify"))
    yield ear
    ear.socket.close()


@pytest.fixture
def environ(tmp_path: Path, ear: Ear) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def test_ready_and_stopping(ear: Ear, environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    assert ear.heard() == "READY=1"
    notifier.stopping()
    assert ear.heard() == "STOPPING=1"


def test_a_reload_carries_the_monotonic_time(ear: Ear, environ: dict[str, str]) -> None:
    Notifier(environ).reloading()
    first, second = ear.heard().split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert int(second.partition("=")[2]) > 0


@pytest.mark.parametrize(
    "text", ["up\nSTOPPING=1", "up\rSTOPPING=1", "up\u2028STOPPING=1", "up \x00 STOPPING=1"]
)
def test_a_status_is_one_line_whatever_is_in_it(ear: Ear, environ: dict[str, str], text: str) -> None:
    Notifier(environ).status(text)
    assert ear.heard() == "STATUS=up STOPPING=1"


def test_a_status_may_be_chinese(ear: Ear, environ: dict[str, str]) -> None:
    Notifier(environ).status("已连接,214 台设备")
    assert ear.heard() == "STATUS=已连接,214 台设备"


def test_the_abstract_namespace_works_too() -> None:
    name = f"foretell-test-{os.getpid()}"
    ear = Ear(f"\0{name}")
    Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
    assert ear.heard() == "READY=1"
    ear.socket.close()


def test_the_watchdog_is_fed_at_most_every_quarter_interval(ear: Ear, environ: dict[str, str]) -> None:
    notifier = Notifier(environ | {"WATCHDOG_USEC": "60000000"})
    notifier.alive(1000.0)
    assert ear.heard() == "WATCHDOG=1"
    notifier.alive(1014.9)
    assert ear.silent()
    ear.socket.settimeout(5)
    notifier.alive(1015.0)
    assert ear.heard() == "WATCHDOG=1"


def test_without_a_watchdog_nothing_is_fed(ear: Ear, environ: dict[str, str]) -> None:
    Notifier(environ).alive(1000.0)
    assert ear.silent()


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "odd"}]
)
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    notifier.status("fine")
    notifier.alive(0.0)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_interval_is_ours_or_none(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds
