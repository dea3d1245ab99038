"""The daemon as its users run it: a process of its own, on a real broker, watched from outside."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT.parent / "shared" / "data"


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Look until it is so; fail with what was waited for."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def foretell(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "foretell", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def write_site(folder: Path, port: int, *, extra: str = "") -> Path:
    """A site.yaml with the shipped rules and sensors, on the broker at `port`."""
    folder.mkdir(parents=True, exist_ok=True)
    site = folder / "site.yaml"
    site.write_text(f"site: test\nstore: store\nbroker: {{port: {port}}}\nweb: {{port: 0}}\n{extra}")
    return site


class Daemon:
    """One run of the daemon on a site."""

    def __init__(self, site: Path, *words: str, env: dict[str, str] | None = None) -> None:
        self.site, self.words, self.env = site, words, env or {}
        self.log = site.parent / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        self.mark = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "foretell", "run", "--config", str(self.site), *self.words],
                stdout=log, stderr=log, cwd=ROOT, env=os.environ | self.env,
            )  # fmt: skip
        if ready:
            self.expect_log("broker_connected")

    def said(self) -> str:
        """What it logged since it was last started."""
        return self.log.read_bytes()[self.mark :].decode()

    def expect_log(self, words: str, seconds: float = 30.0) -> None:
        wait_until(lambda: words in self.said() or self._died(), f"'{words}' in the log", seconds)
        assert words in self.said(), self.said()[-3000:]

    def _died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut would, without a word."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    def stop(self) -> int:
        """As systemd does; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(20)

    @property
    def address(self) -> str:
        line = next(line for line in self.said().splitlines() if '"page"' in line)
        return line.split('"address": "')[1].split('"')[0]


@contextmanager
def running(site: Path, *words: str, env: dict[str, str] | None = None) -> Iterator[Daemon]:
    daemon = Daemon(site, *words, env=env)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def rows(database: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a database of a running daemon says, read from outside."""
    if not database.exists():
        return []
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()


def journalled(store: Path, like: str) -> int:
    found = rows(store / "journal.db", "SELECT count(*) FROM entry WHERE topic LIKE ?", like)
    return int(found[0][0]) if found else 0


def history(store: Path) -> list[tuple[Any, ...]]:
    """Every ticket's whole machine-made life, in the words of devices and event time."""
    return rows(
        store / "ledger.db",
        "SELECT t.device, t.part, t.failure_mode, e.kind, e.rule, round(e.at, 3) FROM ticket_event e "
        "JOIN ticket t ON t.id = e.ticket_id ORDER BY t.device, t.part, t.failure_mode, e.id",
    )
