"""The demo as a whole: a broker, the daemon as anybody would run it, the estate, and the verdict."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape

from foretell.demo import broker
from foretell.demo.broker import Running
from foretell.demo.estate import DAY, START, Device, Named
from foretell.demo.simulator import CLOCK_TOPIC, Run, Step, prepare, publish
from foretell.demo.verdict import Opened, Verdict, judge, moment, pick, summary, tables
from foretell.intake.mqtt import Publisher

FINE, FOUND_WANTING, BROKEN, STOPPED = 0, 1, 3, 130
READY_WITHIN_S, CAUGHT_UP_WITHIN_S, STOP_WITHIN_S = 30.0, 120.0, 12.0
LOOK_EVERY_S = 1.0
FASTEST_S, START_AND_END_S = 1.0, 8.0
HOUSEHOLDS = 96  # in each of the simulated buildings

_SAYS = {
    "page": Named("The duty page: {}", "值班页面:{}"),
    "plan": Named(
        "{devices} devices, {days} days in about {minutes:g} min. Seed {seed}.",
        "{devices} 台设备,{days} 天的运行约 {minutes:g} 分钟演完。随机种子 {seed}。",
    ),
    "learning": Named(
        "The first six days are ordinary: foretell learns what is normal for each device.",
        "前六天一切正常:foretell 在学习每台设备的常态。",
    ),
    "day": Named(
        "day {day:>2}  {sent:>7,} messages  {tickets} tickets",
        "第 {day:>2} 天  {sent:>7,} 条报文  {tickets} 张工单",
    ),
    "ticket": Named("  ► {at}  ticket #{id}: {title}", "  ► {at}  工单 #{id}:{title}"),
    "finish": Named(
        "The days are over; the daemon reads the last messages …",
        "日子走完了，等待守护进程读完最后的报文……",
    ),
    "keep": Named(
        "Everything keeps running. Ctrl-C ends it. The page: {}", "一切继续运行,按 Ctrl-C 结束。页面:{}"
    ),
    "stopped": Named("Stopped.", "已停止。"),
    "broken": Named("The demo cannot go on: {}", "演示无法继续:{}"),
}


class StageError(Exception):
    """Something that the demo stands on gave way; the message says what."""


def run(
    minutes: float, seed: int, days: int, port: int, open_browser: bool, keep: bool, language: str
) -> int:
    """Play the demo. 0: every fault met and no false ticket; 1: not so; 3: it could not be played."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    stage = Stage(console, language, prepare(seed, days))
    try:
        with ExitStack() as stack:
            stack.enter_context(_terminable())
            stage.set_up(stack, port or broker.free_port())
            stage.say("page", stage.page)
            stage.say("plan", devices=len(stage.run.estate.everything), days=days, minutes=minutes, seed=seed)
            stage.say("learning")
            if open_browser:
                webbrowser.open(stage.page)
            verdict = stage.play(max(FASTEST_S, minutes * 60 - START_AND_END_S))
            stage.show(verdict)
            if keep:
                stage.say("keep", stage.page)
                with contextlib.suppress(KeyboardInterrupt):
                    stage.linger()
            return FINE if verdict.fine else FOUND_WANTING
    except KeyboardInterrupt:
        stage.say("stopped")
        return STOPPED
    except (StageError, broker.BrokerError, OSError, TimeoutError) as error:
        stage.say("broken", str(error))
        return BROKEN


class Stage:
    """Where the run is played: the processes, the page's address, and the voice."""

    def __init__(self, console: Console, language: str, run: Run) -> None:
        self.console, self.language, self.run = console, language, run
        self.page = ""
        self._seen: set[int] = set()
        self._looked_at = 0.0
        self._day = 0

    def say(self, key: str, *values: object, **named: object) -> None:
        self.console.print(escape(pick(_SAYS[key], self.language).format(*values, **named)))

    def set_up(self, stack: ExitStack, port: int) -> None:
        """Broker, daemon and publisher, each taken down again when the stack unwinds."""
        self.folder = Path(tempfile.mkdtemp(prefix="foretell-demo-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        running = broker.start(self.folder)
        self._broker = running.process
        stack.callback(_end, self._broker)
        site = self.folder / "site.yaml"
        devices = [each.device for each in self.run.estate.everything]
        site.write_text(site_yaml(devices, running, port, self.language), encoding="utf-8")
        self._daemon = self._start_daemon(site)
        stack.callback(_end, self._daemon)
        self.page = f"http://127.0.0.1:{port}/"
        self._wait_until_ready()
        self._publisher = Publisher("127.0.0.1", running.port, "foretell-demo")
        stack.callback(self._publisher.close)

    def _start_daemon(self, site: Path) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "foretell",
            "run",
            "--config",
            str(site),
            "--clock-topic",
            CLOCK_TOPIC,
        ]
        with open(self.folder / "daemon.log", "wb") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            self._check_alive()
            with contextlib.suppress(OSError):
                self._fetch("-/ready")
                return
            time.sleep(0.1)
        raise StageError(self._last_words("the daemon does not get ready"))

    def _check_alive(self) -> None:
        for process, name in ((self._daemon, "daemon"), (self._broker, "broker")):
            if process.poll() is not None:
                raise StageError(self._last_words(f"the {name} ended with {process.returncode}", name))

    def _last_words(self, message: str, name: str = "daemon") -> str:
        said = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return "\n".join([message, *said[-5:]])

    def play(self, seconds: float) -> Verdict:
        """Publish the whole timeline, let the daemon finish, and judge."""
        sent = publish(self._publisher, self.run.timeline(), seconds / self.run.steps, self._watch)
        self.say("finish")
        self._wait_until_read(sent)
        return judge(self.run.truth, self._tell_new(), self.run.end)

    def _watch(self, step: Step, sent: int) -> None:
        day = (step.at - START) // DAY
        if time.monotonic() - self._looked_at < LOOK_EVERY_S and day == self._day:
            return
        self._looked_at = time.monotonic()
        self._check_alive()
        tickets = self._tell_new()
        if day > self._day:
            self._day = day
            self.say("day", day=day, sent=sent, tickets=len(tickets))

    def _tell_new(self) -> list[Opened]:
        """All tickets; those not told before are told now."""
        tickets = [_opened(row) for row in self._tickets()]
        for ticket in sorted(tickets, key=lambda each: each.id):
            if ticket.id not in self._seen:
                self._seen.add(ticket.id)
                at = moment(ticket.at, self.language)
                self.say("ticket", at=at, id=ticket.id, title=pick(ticket.title, self.language))
        return tickets

    def _tickets(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self._fetch("api/v1/tickets?state=all&limit=1000"))["tickets"]
        return rows

    def _wait_until_read(self, sent: int) -> None:
        until = time.monotonic() + CAUGHT_UP_WITHIN_S
        while (read := self._messages_read()) < sent:
            self._check_alive()
            if time.monotonic() > until:
                raise StageError(f"the daemon read {read} of {sent} messages")
            time.sleep(0.2)

    def _messages_read(self) -> int:
        for line in self._fetch("metrics").splitlines():
            if line.startswith("foretell_messages_received_total "):
                return int(float(line.split()[1]))
        raise StageError("the daemon does not tell how much it has read")

    def _fetch(self, path: str) -> str:
        with urllib.request.urlopen(self.page + path, timeout=10) as answer:
            body: bytes = answer.read()
        return body.decode()

    def show(self, verdict: Verdict) -> None:
        for table in tables(verdict, self.language):
            self.console.print()
            self.console.print(table)
        self.console.print()
        for line in summary(verdict, self.language):
            self.console.print(escape(line))

    def linger(self) -> None:
        while True:
            time.sleep(1)
            self._check_alive()


def site_yaml(devices: list[Device], where: Running, web_port: int, language: str) -> str:
    """The site as its owner would write it down."""
    lines = [
        "site: demo",
        'title: {en: "Demo estate", zh: "演示小区"}',
        f"language: {'zh-CN' if language == 'zh' else 'en'}",
        f'broker: {{host: 127.0.0.1, port: {where.port}, protocol: "{where.protocol}"}}',
        "store: store",
        f"web: {{port: {web_port}}}",
        "places:",
    ]
    places = {place: f"building-{number}" for number, place in enumerate(_places(devices), 1)}
    for place, name in places.items():
        lines.append(f"  {name}: {{title: {_both(place)}, households: {HOUSEHOLDS}}}")
    lines.append("devices:")
    for device in devices:
        title, where_it_is = _both(device.title), places[device.place]
        lines.append(f"  {device.name}: {{kind: {device.kind}, title: {title}, place: {where_it_is}}}")
    return "\n".join(lines) + "\n"


def _places(devices: list[Device]) -> list[Named]:
    return list(dict.fromkeys(device.place for device in devices))


def _both(name: Named) -> str:
    return f'{{en: "{name.en}", zh: "{name.zh}"}}'


def _opened(row: dict[str, Any]) -> Opened:
    title = Named(row["texts"]["en"]["title"], row["texts"]["zh"]["title"])
    at = datetime.fromisoformat(row["opened_at"]).timestamp()
    return Opened(row["id"], row["device"], row["failure_mode"], at, title)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to stop, and make it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _terminable() -> Iterator[None]:
    """A polite kill or a closed terminal stops everything as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
