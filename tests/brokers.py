"""Real brokers for tests: Mosquitto on a free loopback port, each with a configuration of its own.

`tests/conftest.py` hands out the fixtures; a module that uses them is marked `broker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from foretell.intake.mqtt import Arrived, BrokerConnection, BrokerSettings, Inbox, Link

DEADLINE_S = 20.0


def until(holds: Callable[[], Any], what: str = "", *, within: float = DEADLINE_S) -> Any:
    """Wait for a condition; its value once it is true. Fails after `within` seconds."""
    end = time.monotonic() + within
    pause = threading.Event()
    while not (value := holds()):
        if time.monotonic() > end:
            pytest.fail(f"not within {within:g} s: {what or holds}")
        pause.wait(0.01)
    return value


async def eventually(holds: Callable[[], Any], what: str = "", *, within: float = DEADLINE_S) -> Any:
    """Like `until`, and the event loop goes on meanwhile."""
    end = time.monotonic() + within
    while not (value := holds()):
        if time.monotonic() > end:
            pytest.fail(f"not within {within:g} s: {what or holds}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    return value


def free_port() -> int:
    """A port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program() -> str:
    """Mosquitto's program. Where nothing may be skipped (CI), its absence is a failure."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = "Mosquitto is not installed: apt install mosquitto"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


class Mosquitto:
    """One Mosquitto, persistent, on loopback, with its files in `folder`.

    `settings` are further lines of its configuration. It can be stopped, killed and started again.
    """

    WIDE = "max_queued_messages 100000\nmax_inflight_messages 200\n"

    def __init__(self, folder: Path, settings: str = f"allow_anonymous true\n{WIDE}") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.binary, self.folder, self.host, self.port = program(), folder, "127.0.0.1", free_port()
        self.log = folder / "mosquitto.log"
        self.config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""  # or it could not read the folder of the test
        self.config.write_text(
            f"listener {self.port} {self.host}\npersistence true\npersistence_location {folder}/\n"
            f"{user}{settings}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "-c", str(self.config)], stdout=log, stderr=log)
        until(self._answers, f"Mosquitto on port {self.port}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex((self.host, self.port)) == 0

    def stop(self) -> None:
        """Stop it as systemd would; what it holds is kept on disk."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(DEADLINE_S)
            self.process = None

    def kill(self) -> None:
        """As a power cut would: what it had not written is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.process = None

    def reach(self, **more: Any) -> BrokerSettings:
        """How foretell would reach it."""
        return BrokerSettings(host=self.host, port=self.port)._replace(**more)


class Sender:
    """A device, or a person with a terminal: publishes and waits for the broker's word."""

    def __init__(self, port: int, prepare: Callable[[paho.Client], None] = lambda _: None) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"sender-{time.monotonic_ns()}")
        prepare(self._client)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, topic: str, payload: bytes | str = b"1", qos: int = 1, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos, retain).wait_for_publish(DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Certificates(NamedTuple):
    """A certificate authority made for one test run, and a server's certificate for localhost."""

    ca: Path
    cert: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Made with the openssl program, valid for 127.0.0.1 and localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.fail("openssl is not installed") if os.environ.get("CI") else pytest.skip(
            "openssl is not installed"
        )

    def run(*words: str) -> None:
        subprocess.run([str(openssl), *words], cwd=folder, check=True, capture_output=True)

    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=site CA")
    run("req", *ec, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
    run("x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt")
    return Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")


class Ear:
    """Our connection to a broker, running, with everything that it heard and logged."""

    def __init__(
        self, settings: BrokerSettings, filters: list[str], old_filters: tuple[str, ...] = ()
    ) -> None:
        self.inbox = Inbox()
        self.logged: list[tuple[str, dict[str, Any]]] = []
        self.heard: list[Arrived] = []
        self.links: list[Link] = []
        self.connection = BrokerConnection(settings, self.inbox, self._log, filters, old_filters)

    def _log(self, event: str, **more: Any) -> None:
        self.logged.append((event, more))
        print(f"{time.monotonic():.3f}", event, more)  # for whoever reads of a failure

    def listen(self) -> Ear:
        """Take what came in so far."""
        for event in self.inbox.drain():
            if isinstance(event, Link):
                self.links.append(event)
            else:
                self.heard.append(event)
        return self

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.listen().heard]

    async def hears(self, count: int) -> list[Arrived]:
        """Wait until so many messages have come."""
        await eventually(
            lambda: len(self.listen().heard) >= count, f"{count} messages, not {len(self.heard)}"
        )
        return self.heard

    async def subscribed(self) -> Ear:
        async with asyncio.timeout(DEADLINE_S):
            await self.connection.subscribed.wait()
        return self


@contextlib.asynccontextmanager
async def listening(
    settings: BrokerSettings, *filters: str, old_filters: tuple[str, ...] = (), ready: bool = True
) -> AsyncIterator[Ear]:
    """A connection that runs for as long as the block; subscribed from the start, if `ready`."""
    ear = Ear(settings, list(filters), old_filters)
    running = asyncio.create_task(ear.connection.run())
    try:
        if ready:
            await ear.subscribed()
        yield ear
        assert not running.done(), "run() must never end by itself"
    finally:
        running.cancel()
        await asyncio.wait([running])


@contextlib.contextmanager
def running(broker: Mosquitto) -> Iterator[Mosquitto]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Open to everybody, with room for a flood."""
    with running(Mosquitto(tmp_path / "broker")) as broker:
        yield broker


@pytest.fixture
def narrow_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Keeps at most 20 messages under way to one client, as Mosquitto does unless told otherwise."""
    settings = "allow_anonymous true\nmax_inflight_messages 20\nmax_queued_messages 100000\n"
    with running(Mosquitto(tmp_path / "broker", settings)) as broker:
        yield broker


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once for all tests of a run."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def guarded_mosquitto(tmp_path: Path, certificates: Certificates) -> Iterator[Mosquitto]:
    """TLS and a password: user `foretell`, whose password stands in `password` in its folder."""
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "password").write_text("open sesame\n")
    (folder / "users").write_text("foretell:open sesame\n")
    subprocess.run([_beside("mosquitto_passwd"), "-U", str(folder / "users")], check=True)
    settings = (
        f"allow_anonymous false\npassword_file {folder}/users\n"
        f"cafile {certificates.ca}\ncertfile {certificates.cert}\nkeyfile {certificates.key}\n"
    )
    with running(Mosquitto(folder, settings)) as broker:
        yield broker


def _beside(name: str) -> str:
    """A program that comes with Mosquitto."""
    return shutil.which(name) or str(Path(program()).parent.parent / "bin" / name)
