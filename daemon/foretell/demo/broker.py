"""A broker for the demo: Mosquitto where it is installed, else an embedded one, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

READY_WITHIN_S = 15.0

_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
log_dest none
"""
"""The daemon may fall behind for a moment: nothing is thrown away for it."""


class BrokerError(Exception):
    """There is no broker; the message says why."""


class Running(NamedTuple):
    """A broker at work on the loopback, and the version of MQTT to speak with it."""

    process: subprocess.Popen[bytes]
    port: int
    protocol: str


def free_port() -> int:
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(folder: Path) -> Running:
    """A broker on a free port of the loopback, its files in `folder`. Raises BrokerError."""
    port = free_port()
    command, protocol = _command(folder, port)
    with open(folder / "broker.log", "wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    until = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return Running(process, port, protocol)
        time.sleep(0.05)
    process.kill()
    process.wait()
    said = (folder / "broker.log").read_text(errors="replace").strip().splitlines()
    raise BrokerError(f"{Path(command[0]).name}: {said[-1] if said else 'does not answer'}")


def _command(folder: Path, port: int) -> tuple[list[str], str]:
    """What to start, and the protocol that it speaks."""
    # Debian keeps it where an ordinary user's PATH does not look.
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        return [sys.executable, "-m", "foretell.demo.broker", str(port)], "3.1.1"
    config = folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port))
    return [mosquitto, "-c", str(config)], "auto"


async def embedded(port: int) -> None:
    """The embedded broker, until it is told to stop. It speaks MQTT 3.1.1 only."""
    from amqtt.broker import Broker  # type: ignore[import-untyped]  # a demo's dependency, not the daemon's

    logging.basicConfig(level=logging.WARNING)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(embedded(int(sys.argv[1])))
