"""The promise to the broker, seen from the broker's side of the wire.

A small MQTT 5 server of our own speaks to the real connection, gate and journal. At the moment a PUBACK
passes, a second connection to the journal's file must find the message there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foretell.clock import SystemClock
from foretell.intake.gate import Gate
from foretell.intake.journal import Journal
from foretell.intake.mqtt import Arrived, BrokerConnection, BrokerSettings, Inbox
from tests.brokers import eventually

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 0x10, 0x30, 0x40, 0x80, 0xE0


class Wire:
    """A broker of the least kind: welcomes, grants, publishes, and writes down each PUBACK as it passes."""

    def __init__(self, journal: Path) -> None:
        self.witness = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
        self.published: list[int] = []
        self.acknowledged: list[int] = []
        self.too_early: list[int] = []
        self.connections = 0
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, body = await _packet(reader)
                self._answer(kind, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if kind == CONNECT:
            self.connections += 1
            writer.write(b"\x20\x03\x01\x00\x00" if self.connections > 1 else b"\x20\x03\x00\x00\x00")
        elif kind == SUBSCRIBE:
            writer.write(b"\x90\x04" + body[:2] + b"\x00\x01")
            self._writer = writer
        elif kind == PUBACK:
            mid = struct.unpack(">H", body[:2])[0]
            self.acknowledged.append(mid)
            found = self.witness.execute("SELECT 1 FROM entry WHERE payload = ?", (b"%d" % mid,))
            if found.fetchone() is None:
                self.too_early.append(mid)

    def publish(self, mid: int, *, again: bool = False) -> None:
        """A message whose payload is its packet id."""
        assert self._writer is not None
        topic, payload = b"site/a", b"%d" % mid
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", mid) + b"\x00" + payload
        self._writer.write(bytes((PUBLISH | 2 | (8 if again else 0), len(body))) + body)
        self.published.append(mid)

    def cut(self) -> None:
        """Drop the connection without a word."""
        assert self._writer is not None
        self._writer.transport.abort()
        self._writer = None

    @property
    def ready(self) -> bool:
        return self._writer is not None


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0] & 0xF0
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return kind, await reader.readexactly(length)


class River:
    """The live path up to the journal: what the pump does with a message before it understands it."""

    def __init__(self, journal: Journal, connection: BrokerConnection, inbox: Inbox) -> None:
        self.journal, self.connection, self.inbox = journal, connection, inbox
        self.gate = Gate(journal, SystemClock())
        self.commits = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.running = asyncio.create_task(connection.run())
        self.pumping = asyncio.create_task(self.pump())

    def waiting(self) -> int:
        """Messages that came in and were not looked at."""
        return sum(isinstance(event, Arrived) for event in self.inbox._events)

    async def pump(self) -> None:
        while True:
            await self.inbox.wait(0.05)
            await self.flowing.wait()
            entries, messages = self.gate.admit(self.inbox.drain())
            if entries:
                await asyncio.to_thread(self.journal.append, entries)
                self.commits += 1
            self.connection.acknowledge(messages)


@asynccontextmanager
async def flowing(path: Path) -> AsyncIterator[tuple[Wire, River]]:
    journal = Journal(path)
    wire = Wire(path)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    inbox = Inbox()
    settings = BrokerSettings(port=server.sockets[0].getsockname()[1])
    connection = BrokerConnection(settings, inbox, lambda *_, **__: None, ["site/#"])
    river = River(journal, connection, inbox)
    tasks = [river.pumping, river.running]
    try:
        await eventually(lambda: wire.ready)
        yield wire, river
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        server.close()
        wire.witness.close()
        journal.close()


async def test_a_message_is_acknowledged_only_once_another_reader_of_the_journal_sees_it(
    tmp_path: Path,
) -> None:
    async with flowing(tmp_path / "journal.db") as (wire, river):
        river.flowing.clear()
        for mid in range(1, 51):
            wire.publish(mid)
        await eventually(lambda: river.waiting() == 50)
        assert wire.acknowledged == []
        river.flowing.set()
        await eventually(lambda: len(wire.acknowledged) >= 50)
        assert wire.too_early == []
        assert wire.acknowledged == wire.published


async def test_acknowledgements_keep_the_order_over_many_commits(tmp_path: Path) -> None:
    async with flowing(tmp_path / "journal.db") as (wire, river):
        for mid in range(1, 301):
            wire.publish(mid)
            if mid % 10 == 0:
                await eventually(lambda mid=mid: len(wire.acknowledged) >= mid - 5)
        await eventually(lambda: len(wire.acknowledged) == 300)
        assert wire.acknowledged == wire.published
        assert wire.too_early == []
        assert river.commits > 10


async def test_what_the_cut_connection_brought_is_not_acknowledged_on_the_next(tmp_path: Path) -> None:
    """And what comes again, marked, is stored once and acknowledged once."""
    async with flowing(tmp_path / "journal.db") as (wire, river):
        river.flowing.clear()
        for mid in (1, 2, 3):
            wire.publish(mid)
        await eventually(lambda: river.waiting() == 3)
        wire.cut()
        await eventually(lambda: wire.ready)
        await eventually(lambda: river.connection.subscribed.is_set())
        river.flowing.set()
        await eventually(lambda: [e.payload for e in river.journal.after(0)][-2:] == [b"down", b"up"])
        assert wire.acknowledged == []
        for mid in (1, 2, 3):
            wire.publish(mid, again=True)
        await eventually(lambda: len(wire.acknowledged) == 3)
        assert wire.acknowledged == [1, 2, 3]
        assert wire.too_early == []
        kept = [entry.payload for entry in river.journal.after(0) if not entry.topic.startswith("$")]
        assert kept == [b"1", b"2", b"3"]
        assert river.gate.redelivered == 3


async def test_a_journal_that_cannot_be_written_acknowledges_nothing(tmp_path: Path) -> None:
    async with flowing(tmp_path / "journal.db") as (wire, river):
        river.journal._db.execute("PRAGMA query_only=ON")  # as a disk that was remounted read-only
        wire.publish(1)
        with pytest.raises(OSError, match="cannot be written"):
            await river.pumping
        assert wire.acknowledged == []


async def test_the_last_acknowledgements_leave_before_we_do(tmp_path: Path) -> None:
    """Stopping flushes what was promised; the broker need not send it again."""
    async with flowing(tmp_path / "journal.db") as (wire, river):
        river.flowing.clear()
        wire.publish(1)
        await eventually(lambda: river.waiting() == 1)
        entries, messages = river.gate.admit(river.inbox.drain())
        river.journal.append(entries)
        river.connection.acknowledge(messages)
        river.running.cancel()
        await eventually(lambda: wire.acknowledged == [1])
