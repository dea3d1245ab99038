"""The broker: the only file that knows the MQTT client (aiomqtt on paho).

It brings messages in without acknowledging them; `acknowledge` is called once they are in the journal.
Measured traps that this file exists for: aiomqtt acknowledges on arrival unless told not to, a client
object does not survive a reconnect, an acknowledgement on a dead connection is silently lost, a timeout
round `anext` loses messages, and an unknown protocol version must fall back to 3.1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

SESSION_EXPIRY_S = 14 * 86400
RECEIVE_MAXIMUM = 200
READ_AHEAD_BYTES = 64 * 1024
PUBACK = b"\x40\x02"
PACKET_MAX_BYTES = 64 * 1024
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 60.0
ANSWER_WITHIN_S = 5.0
REFUSED_AGAIN_S = 60.0
"""A refused subscription is asked for again after so long: someone may have mended the broker's ACL."""

UNSUPPORTED_VERSION, NOT_LET_IN, TAKEN_OVER = 132, {134, 135}, 142
"""Reason codes of MQTT 5, into which the client translates the codes of 3.1.1."""


class BrokerSettings(NamedTuple):
    """Where the broker is and who we are there. Secrets come from files."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "foretell"
    protocol: str = "auto"
    keepalive_s: int = 25
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    tls: bool = False


class Arrived(NamedTuple):
    """A message as the broker handed it over, not yet acknowledged; `epoch` numbers the connection."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    duplicate: bool
    mid: int
    epoch: int


class Link(NamedTuple):
    """The connection came up or went down. `session_present`: the broker still had our session."""

    up: bool
    session_present: bool


Event = Arrived | Link


class Unanswered(aiomqtt.MqttError):
    """The broker took the connection, and then closed it or stood there without a word."""


class Inbox:
    """What came in and waits for the pump, in order. One reader; filled by the event loop.

    The broker's window bounds what it must hand over twice; what it sends only once (QoS 0) is bounded here:
    the newest is dropped and counted.
    """

    WAITING_MAX, BYTES_MAX = 10_000, 16 * 1024 * 1024

    def __init__(self) -> None:
        self.dropped = 0
        self._events: list[Event] = []
        self._bytes = 0
        self._something = asyncio.Event()

    def put(self, event: Event) -> None:
        if isinstance(event, Arrived):
            full = len(self._events) >= self.WAITING_MAX or self._bytes >= self.BYTES_MAX
            if full and not event.qos:
                self.dropped += 1
                return
            self._bytes += len(event.payload)
        self._events.append(event)
        if not self._something.is_set():
            self._something.set()

    def __len__(self) -> int:
        return len(self._events)

    def drain(self, at_most: int | None = None) -> list[Event]:
        """What is here, oldest first; the rest stays."""
        if at_most is None or len(self._events) <= at_most:
            events, self._events, self._bytes = self._events, [], 0
            self._something.clear()
            return events
        events, self._events = self._events[:at_most], self._events[at_most:]
        self._bytes -= sum(len(event.payload) for event in events if isinstance(event, Arrived))
        return events

    async def wait(self, seconds: float) -> None:
        """Until something is here, or `seconds` have passed. Nothing is taken, so nothing can be lost."""
        try:
            async with asyncio.timeout(seconds):
                await self._something.wait()
        except TimeoutError:
            return


class ReadAhead:
    """A socket that reads all there is and hands it out in pieces.

    paho asks for the one byte of a packet's head, then for its length, then for the rest: a system call
    each. `pending` is what aiomqtt asks, for TLS, to learn that there is more to read without waiting.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._ahead = b""
        self._taken = 0

    def recv(self, size: int) -> bytes:
        if self._taken >= len(self._ahead):
            self._ahead, self._taken = self._socket.recv(READ_AHEAD_BYTES), 0
        piece = self._ahead[self._taken : self._taken + size]
        self._taken += len(piece)
        return piece

    def pending(self) -> int:
        below = self._socket.pending() if hasattr(self._socket, "pending") else 0
        return len(self._ahead) - self._taken + int(below)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class BrokerConnection:
    """One persistent session at the broker, kept up for as long as `run` runs."""

    def __init__(
        self,
        settings: BrokerSettings,
        inbox: Inbox,
        log: Callable[..., None],
        filters: Sequence[str],
        old_filters: Sequence[str] = (),
    ) -> None:
        self.settings, self.inbox, self.log = settings, inbox, log
        self.filters = list(filters)
        self.old_filters = [each for each in old_filters if each not in self.filters]
        self.subscribed = asyncio.Event()
        self.connected = False
        self.connections = 0
        self.sessions_lost = 0
        self.refused_topics = 0
        self.last_error = ""
        self.pause = BACKOFF_FIRST_S
        self.protocol = paho.MQTTv311 if settings.protocol == "3.1.1" else paho.MQTTv5
        self._answered = False  # whether the broker ever answered us in the protocol that we speak
        self._epoch = 0
        self._client: aiomqtt.Client | None = None
        self._resubscribe = asyncio.Event()

    async def run(self) -> None:
        """Connect, subscribe, and stay; again after every loss, with growing, jittered pauses."""
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            try:
                await self._stay_connected()
            except (aiomqtt.MqttError, OSError) as error:
                self._note_failure(error, str(error))
            except Exception as error:  # whatever went wrong in there, the next connection may do better
                self._note_failure(error, f"unexpected: {error!r}")
            if self.subscribed.is_set() and now() - began > self.pause:
                self.pause = BACKOFF_FIRST_S
            self.subscribed.clear()
            await asyncio.sleep(random.uniform(0.5, 1.0) * self.pause)
            self.pause = min(self.pause * 2, BACKOFF_LAST_S)

    def acknowledge(self, messages: Sequence[Arrived]) -> None:
        """Tell the broker that these are safe, in the order in which they came.

        Only in the connection that brought them: on a later one the broker sends them again anyway.
        """
        if self._client is None or not self.connected:
            return
        packets = b"".join(
            PUBACK + message.mid.to_bytes(2, "big")
            for message in messages
            if message.qos and message.epoch == self._epoch
        )
        if packets:  # paho would write them one by one, a system call each
            self._client._client._packet_queue(paho.PUBACK, packets, 0, 0)

    def follow(self, filters: Sequence[str]) -> None:
        """Subscribe to another set of topics from now on."""
        gone = [each for each in self.filters if each not in filters]
        self.old_filters = [each for each in (*self.old_filters, *gone) if each not in filters]
        self.filters = list(filters)
        self._resubscribe.set()

    # -- one connection -----------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        client = self._client = self._new_client(lost)
        try:
            await self._open(client, lost)
            self._resubscribe.set()
            while not lost.done():
                self._resubscribe.clear()
                patience = None if await self._subscribe(client) else REFUSED_AGAIN_S
                await self._until_asked(lost, patience)
            raise aiomqtt.MqttError(lost.result())
        finally:
            await self._hang_up(client)

    async def _open(self, client: aiomqtt.Client, lost: asyncio.Future[str]) -> None:
        """Connect. A broker that closes without an answer is not waited for."""
        entering: asyncio.Future[Any] = asyncio.ensure_future(client.__aenter__())
        try:
            await _either(entering, lost)
            if not entering.done() and not client._connected.done():
                raise Unanswered(f"the broker closed the connection without an answer: {lost.result()}")
            await entering
        except aiomqtt.exceptions.MqttConnectError:
            raise
        except aiomqtt.MqttError as error:
            if client._client.socket() is None:
                raise
            raise Unanswered(f"the broker took the connection and said nothing: {error}") from None
        finally:
            entering.cancel()

    async def _until_asked(self, lost: asyncio.Future[str], patience: float | None) -> None:
        """Until the connection is lost, other topics are wanted, or `patience` seconds have passed."""
        asked: asyncio.Future[Any] = asyncio.ensure_future(self._resubscribe.wait())
        try:
            await _either(asked, lost, patience)
        finally:
            asked.cancel()

    async def _hang_up(self, client: aiomqtt.Client) -> None:
        """Say goodbye if that is possible at once, and leave no socket behind."""
        self._client = None
        await asyncio.sleep(0)  # until the loop has been told of what waits to be written
        inner = client._client
        inner.on_socket_register_write = None  # from now on it writes at once
        with contextlib.suppress(Exception):
            if inner.is_connected():
                inner.loop_write()
                inner.disconnect()
        inner._sock_close()
        if self.connected:
            self.connected = False
            self.inbox.put(Link(False, False))

    def _new_client(self, lost: asyncio.Future[str]) -> aiomqtt.Client:
        """A new client for each connection: aiomqtt's does not survive a second one."""
        settings = self.settings
        five = self.protocol == paho.MQTTv5
        self._epoch += 1
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=settings.client_id,
            username=settings.username,
            password=settings.password_file.read_text().strip() if settings.password_file else None,
            protocol=aiomqtt.ProtocolVersion(self.protocol),
            clean_session=None if five else False,
            clean_start=False if five else paho.MQTT_CLEAN_START_FIRST_ONLY,
            keepalive=settings.keepalive_s,
            timeout=ANSWER_WITHIN_S,
            properties=_connect_properties() if five else None,
            tls_context=_tls(settings),
        )
        inner = client._client
        inner.manual_ack_set(True)
        create = inner._create_socket
        inner._create_socket = lambda: ReadAhead(create())  # type: ignore[method-assign]
        epoch = self._epoch
        accept, part = client._on_connect, client._on_disconnect

        def connected(c: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
            if not reason.is_failure and not self.connected:
                self._came_up(bool(flags.session_present))
            accept(c, userdata, flags, reason, properties)

        def disconnected(c: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
            _settle(lost, _plainly(reason, flags.is_disconnect_packet_from_server))
            part(c, userdata, flags, reason, properties)

        inner.on_connect = connected
        inner.on_disconnect = disconnected
        inner.on_message = lambda _c, _u, message: self._arrive(message, epoch)
        # What the client stumbles over while it reads or writes ends up there and nowhere else.
        client._disconnected.add_done_callback(
            lambda end: _settle(lost, str(end.cancelled() or end.exception()))
        )
        return client

    def _came_up(self, session_present: bool) -> None:
        self.connected = self._answered = True
        self.connections += 1
        if not session_present and self.connections > 1:
            self.sessions_lost += 1
        self.inbox.put(Link(True, session_present))

    def _arrive(self, message: paho.MQTTMessage, epoch: int) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "$"
        if topic.startswith("$"):  # our own entries stand on such topics in the journal
            self.refused_topics += 1
            topic = "$refused"
        self.inbox.put(
            Arrived(
                topic,
                bytes(message.payload),
                message.qos,
                bool(message.retain),
                bool(message.dup),
                message.mid,
                epoch,
            )
        )

    async def _subscribe(self, client: aiomqtt.Client) -> bool:
        """Subscribe on every connection: a broker that lost power has forgotten us without a word.

        Returns whether every topic was granted; until it is, we are not `subscribed`.
        """
        if self.old_filters:
            await client.unsubscribe(list(self.old_filters))
            self.old_filters = []
        refused = False
        for first in range(0, len(self.filters), 100):
            some = self.filters[first : first + 100]
            for topic, code in zip(some, await self._ask_for(client, some), strict=False):
                if getattr(code, "value", code) >= 128:
                    refused = True
                    self.last_error = f"the broker refused the subscription to {topic}: {code}"
                    self.log("subscription_refused", topic=topic, reason=str(code))
        if refused:
            self.subscribed.clear()
        elif not self.subscribed.is_set():
            self.subscribed.set()
            host, port = self.settings.host, self.settings.port
            self.log("broker_connected", host=host, port=port, topics=len(self.filters))
        return not refused

    async def _ask_for(self, client: aiomqtt.Client, topics: Sequence[str]) -> Sequence[Any]:
        if self.protocol != paho.MQTTv5:
            return await client.subscribe([(each, 1) for each in topics])
        options = SubscribeOptions(qos=1, retainHandling=1)
        return await client.subscribe([(each, options) for each in topics])

    def _note_failure(self, error: Exception, said: str) -> None:
        code = getattr(error, "rc", None)
        value = getattr(code, "value", code)
        unanswered = isinstance(error, Unanswered) and not self._answered
        if self.settings.protocol == "auto" and (value == UNSUPPORTED_VERSION or unanswered):
            # A broker of the old school, or one that was just starting: next we speak the other protocol.
            self.protocol = paho.MQTTv311 if self.protocol == paho.MQTTv5 else paho.MQTTv5
            self._answered = False
        if value in NOT_LET_IN:
            who = (
                f"user '{self.settings.username}'" if self.settings.username else "nobody: no username is set"
            )
            said = f"{said} (we came as {who}; look at username and password_file)"
        self.last_error = said
        self.log("broker_lost", host=self.settings.host, port=self.settings.port, error=said)


async def _either(
    one: asyncio.Future[Any], other: asyncio.Future[Any], patience: float | None = None
) -> None:
    """Until one of two is done, or `patience` seconds have passed. Neither is cancelled or asked."""
    await asyncio.wait({one, other}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)


def _plainly(reason: Any, said_by_broker: bool) -> str:
    """Why a connection ended, for people."""
    if said_by_broker:
        hint = "; is a second foretell running with our client_id?" if reason.value == TAKEN_OVER else ""
        return f"the broker ended the connection: {reason}{hint}"
    return (
        "the connection broke off"
        if str(reason) == "Unspecified error"
        else f"the connection broke off: {reason}"
    )


def _settle(future: asyncio.Future[str], said: str) -> None:
    if not future.done():
        future.set_result(said)


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.MaximumPacketSize = PACKET_MAX_BYTES
    return properties


def _tls(settings: BrokerSettings) -> ssl.SSLContext | None:
    if not (settings.tls or settings.ca_file or settings.cert_file):
        return None
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file:
        context.load_cert_chain(
            str(settings.cert_file), str(settings.key_file) if settings.key_file else None
        )
    return context


class Publisher:
    """Publishes like a device does, QoS 1, with a bounded number of messages under way. Blocking."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        *,
        window: int = 100,
        login: tuple[str, str | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        if login is not None:
            self._client.username_pw_set(*login)
        if tls is not None:
            self._client.tls_set_context(tls)
        answered = threading.Event()
        self._refused = ""

        def on_connect(_c: Any, _u: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            self._refused = str(reason) if reason.is_failure else ""
            answered.set()

        self._client.on_connect = on_connect
        self._client.max_inflight_messages_set(window)
        self._client.max_queued_messages_set(0)
        self._room = threading.Semaphore(window)
        self._client.on_publish = lambda *_: self._room.release()
        self._window = window
        self._client.connect(host, port, keepalive=60)
        self._client.loop_start()
        if not answered.wait(ANSWER_WITHIN_S) or self._refused:
            self.close()
            raise ConnectionError(f"the broker says: {self._refused or 'nothing'}")

    @classmethod
    def to(cls, settings: BrokerSettings, client_id: str) -> Publisher:
        """A publisher at the site's broker, let in as the site's daemon is."""
        password = settings.password_file.read_text().strip() if settings.password_file else None
        login = (settings.username, password) if settings.username else None
        return cls(settings.host, settings.port, client_id, login=login, tls=_tls(settings))

    def publish(
        self, topic: str, payload: bytes | str, *, retain: bool = False, timeout_s: float = 60.0
    ) -> None:
        """Send one message; waits while the window is full. Raises TimeoutError if nothing is answered."""
        if not self._room.acquire(timeout=timeout_s):
            raise TimeoutError(f"the broker acknowledged nothing for {timeout_s:g} s")
        self._client.publish(topic, payload, qos=1, retain=retain)

    def flush(self, timeout_s: float = 60.0) -> None:
        """Wait until the broker has acknowledged everything."""
        for _ in range(self._window):
            if not self._room.acquire(timeout=timeout_s):
                raise TimeoutError(f"the broker acknowledged nothing for {timeout_s:g} s")
        self._room.release(self._window)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
