"""Real brokers for the tests: each on a free port of its own, stopped when the test is done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def free_port() -> int:
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        return int(ear.getsockname()[1])


class Mosquitto:
    """One Mosquitto, persistent, on loopback. `settings` are further lines of its configuration."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true\n") -> None:
        binary = shutil.which("mosquitto", path=PATH)
        if binary is None:
            missing = "Mosquitto is not installed: apt install mosquitto"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        folder.mkdir(parents=True, exist_ok=True)
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\npersistence true\npersistence_location {folder}/\nuser root\n"
            f"max_queued_messages 100000\nmax_inflight_messages 200\n{settings}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen([self.binary, "-c", str(self.config)], stdout=log, stderr=log)
        until = time.monotonic() + 10
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            assert time.monotonic() < until, "Mosquitto does not answer"

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
