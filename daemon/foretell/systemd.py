"""What systemd is told: ready, status, reloading, stopping, still alive. Without systemd, nothing happens."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

SEND_WITHIN_S = 2.0
"""systemd reads at once; should it ever not, the daemon must not hang on it."""


class Notifier:
    """The service manager's ear, found through $NOTIFY_SOCKET."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._interval = watchdog_interval(environ)
        self._last_alive = float("-inf")

    def ready(self) -> None:
        """Start or reload is done."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_one_line(text)}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """A stop begins."""
        self._send("STOPPING=1")

    def alive(self, now: float) -> None:
        """Feed the watchdog; call it as often as you like. `now` is monotonic seconds."""
        if self._interval is None or now - self._last_alive < self._interval / 4:
            return
        self._last_alive = now
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ear:
                ear.settimeout(SEND_WITHIN_S)
                ear.connect(self._address)
                ear.sendall(message.encode())
        except OSError:
            return  # a daemon does not stop working because nobody listens


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds within which systemd wants to hear of us, or None when it does not watch this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # inherited from a parent: it is watched, not we
    text = environ.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) / 1e6 or None


def _address(path: str) -> str | None:
    if path.startswith("@"):
        return "\0" + path[1:]  # Linux' abstract namespace
    return path if path.startswith("/") else None


def _one_line(text: str) -> str:
    """Without line breaks of any kind: in this protocol each line is a message of its own."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
