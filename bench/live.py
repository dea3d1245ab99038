"""The whole way: a real Mosquitto, the daemon as a process of its own, messages at a steady rate."""

from __future__ import annotations

import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench import estate
from foretell.intake.mqtt import Publisher

DEVICES = 100
PROBE_EVERY = 25
"""In the latency run one message in so many opens a ticket."""


def free_port() -> int:
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        return int(ear.getsockname()[1])


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A Mosquitto with the settings that we ship, on a free port."""
    port = free_port()
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if binary is None:
        raise SystemExit("the live benchmarks need mosquitto")
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        "max_inflight_messages 200\nmax_queued_messages 10000\n"
    )
    process = subprocess.Popen(
        [binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: _answers(port), "the broker")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Any, what: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


@contextmanager
def daemon(site: Path) -> Iterator[psutil.Process]:
    log = open(site.parent / "daemon.log", "w")  # noqa: SIM115
    process = subprocess.Popen([sys.executable, "-m", "foretell", "run", "--config", str(site)], stderr=log)
    try:
        wait_for(lambda: "broker_connected" in (site.parent / "daemon.log").read_text(), "the daemon")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def journalled(store: Path) -> int:
    with sqlite3.connect(f"file:{store}/journal.db?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM entry WHERE topic LIKE 'bench/%'").fetchone()[0])


class TicketWatch(threading.Thread):
    """Looks every 2 ms which tickets are committed, and notes when each was first seen."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self.store, self.done = store, threading.Event()

    def run(self) -> None:
        db = sqlite3.connect(f"file:{self.store}/ledger.db?mode=ro", uri=True)
        last = 0
        while not self.done.is_set():
            rows = db.execute("SELECT id, device FROM ticket WHERE id > ?", (last,)).fetchall()
            now = time.monotonic()
            for number, device in rows:
                self.seen[device] = now
                last = number
            time.sleep(0.002)


def at_rate(rate: int, seconds: float) -> dict[str, Any]:
    """Messages at `rate` per second: first all quiet, for the CPU; then with tickets, for the latency."""
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        with broker(folder) as port:
            site = estate.write(folder, broker_port=port)
            with daemon(site) as process:
                store = folder / "store"
                quiet = _publish(rate, seconds, port, process, store, probes=False)
                watch = TicketWatch(store)
                watch.start()
                loud = _publish(rate, seconds, port, process, store, probes=True)
                wait_for(lambda: len(watch.seen) >= len(loud.sent), "the tickets")
                watch.done.set()
                delays = sorted(watch.seen[device] - at for device, at in loud.sent.items())
                return {
                    "cpu per message (us)": round(quiet.cpu / quiet.messages * 1e6, 1),
                    "publish to ticket p50 (ms)": round(statistics.median(delays) * 1000, 1),
                    "publish to ticket p99 (ms)": round(delays[int(len(delays) * 0.99)] * 1000, 1),
                    "tickets timed": len(delays),
                    "memory (MiB)": round(loud.rss, 1),
                }


class Published(NamedTuple):
    """A run of the publisher, until all of it is in the journal."""

    sent: dict[str, float]
    messages: int
    cpu: float
    rss: float


def _publish(
    rate: int, seconds: float, port: int, process: psutil.Process, store: Path, *, probes: bool
) -> Published:
    publisher = Publisher("127.0.0.1", port, "bench", window=1000)
    chance = random.Random(4)
    sent: dict[str, float] = {}
    already = journalled(store)
    before = sum(process.cpu_times()[:2])
    began = time.monotonic()
    total = int(rate * seconds)
    for n in range(total):
        ahead = began + n / rate - time.monotonic()
        if ahead > 0.002:
            time.sleep(ahead)
        probe = probes and n % PROBE_EVERY == 0
        device = 10_000 + n if probe else n % DEVICES
        topic, payload = estate.telemetry(device, time.time(), chance, bad=probe)
        if probe:
            sent[f"lift-{device}"] = time.monotonic()
        publisher.publish(topic, payload)
    publisher.flush()
    wait_for(lambda: journalled(store) >= already + total, "the journal")
    cpu = sum(process.cpu_times()[:2]) - before
    rss = process.memory_info().rss / 2**20
    publisher.close()
    return Published(sent, total, cpu, rss)


def restart(messages: int = 40_000, rate: int = 2_000) -> dict[str, Any]:
    """Killed with so many messages behind the last snapshot: from the start to listening at the broker."""
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        with broker(folder) as port:
            site = estate.write(folder, broker_port=port)
            with daemon(site) as process:
                _publish(rate, messages / rate, port, process, folder / "store", probes=False)
                process.kill()
            began = time.monotonic()
            with daemon(site):
                seconds = time.monotonic() - began
    return {f"restart with {messages:,} messages to replay (s)": round(seconds, 2)}


def run(seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = restart()
    for rate in (500, 1000):
        for name, value in at_rate(rate, seconds).items():
            found[f"live at {rate} messages/s, {name}"] = value
    return found
