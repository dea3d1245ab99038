"""The broker: the only file that knows the MQTT client (aiomqtt on paho).

It brings messages in without acknowledging them; `acknowledge` is called once they are in the journal.
Measured traps that this file exists for: aiomqtt acknowledges on arrival unless told not to, a client
object does not survive a reconnect, an acknowledgement on a dead connection is silently lost, a timeout
round `anext` loses messages, and an unknown protocol version must fall back to 3.1.1.
"""

from __future__ import annotations

import asyncio
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
PACKET_MAX_BYTES = 64 * 1024
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 60.0
_UNSUPPORTED_VERSION = {1, 132}


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


class Inbox:
    """What came in and waits for the pump, in order. One reader; filled by the event loop."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._something = asyncio.Event()

    def put(self, event: Event) -> None:
        self._events.append(event)
        if not self._something.is_set():
            self._something.set()

    def __len__(self) -> int:
        return len(self._events)

    def drain(self) -> list[Event]:
        """Everything that is here."""
        events, self._events = self._events, []
        self._something.clear()
        return events

    async def wait(self, seconds: float) -> None:
        """Until something is here, or `seconds` have passed. Nothing is taken, so nothing can be lost."""
        try:
            async with asyncio.timeout(seconds):
                await self._something.wait()
        except TimeoutError:
            return


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
        self._epoch = 0
        self._client: aiomqtt.Client | None = None
        self._protocol = paho.MQTTv5 if settings.protocol in ("auto", "5") else paho.MQTTv311
        self._resubscribe = asyncio.Event()

    async def run(self) -> None:
        """Connect, subscribe, and stay; again after every loss, with growing, jittered pauses."""
        pause = BACKOFF_FIRST_S
        while True:
            try:
                await self._stay_connected()
            except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                self._note_failure(error)
            if self.subscribed.is_set():
                pause = BACKOFF_FIRST_S
            self.subscribed.clear()
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(pause * 2, BACKOFF_LAST_S)

    def acknowledge(self, messages: Sequence[Arrived]) -> None:
        """Tell the broker that these are safe, in the order in which they came.

        Only in the connection that brought them: on a later one the broker sends them again anyway.
        """
        if self._client is None or not self.connected:
            return
        ack = self._client._client.ack
        for message in messages:
            if message.qos and message.epoch == self._epoch:
                ack(message.mid, message.qos)

    def follow(self, filters: Sequence[str]) -> None:
        """Subscribe to another set of topics from now on."""
        gone = [each for each in self.filters if each not in filters]
        self.old_filters = [*self.old_filters, *gone]
        self.filters = list(filters)
        self._resubscribe.set()

    # -- one connection -----------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        client = self._new_client()
        try:
            async with client:
                self._client = client
                await self._subscribe(client)
                self.subscribed.set()
                self.log("broker_connected", host=self.settings.host, port=self.settings.port, topics=len(self.filters))
                async with asyncio.TaskGroup() as tasks:
                    following = tasks.create_task(self._keep_subscribed(client))
                    # Nothing is ever queued there (see _arrive): this only ends, with the error, when the
                    # connection does.
                    async for _ in client.messages:
                        pass
                    following.cancel()
        except* (aiomqtt.MqttError, OSError) as group:
            raise group.exceptions[0] from None
        finally:
            self._client = None
            if self.connected:
                self.connected = False
                self.inbox.put(Link(False, False))

    def _new_client(self) -> aiomqtt.Client:
        """A new client for each connection: aiomqtt's does not survive a second one."""
        settings = self.settings
        five = self._protocol == paho.MQTTv5
        self._epoch += 1
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=settings.client_id,
            username=settings.username,
            password=settings.password_file.read_text().strip() if settings.password_file else None,
            protocol=aiomqtt.ProtocolVersion(self._protocol),
            clean_session=None if five else False,
            clean_start=False if five else paho.MQTT_CLEAN_START_FIRST_ONLY,
            keepalive=settings.keepalive_s,
            properties=_connect_properties() if five else None,
            tls_context=_tls(settings),
        )
        inner = client._client
        inner.manual_ack_set(True)
        accept = inner.on_connect
        epoch = self._epoch

        def connected(c: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
            if not reason.is_failure and not self.connected:
                self.connected = True
                self.connections += 1
                if not flags.session_present and self.connections > 1:
                    self.sessions_lost += 1
                self.inbox.put(Link(True, flags.session_present))
            accept(c, userdata, flags, reason, properties)  # type: ignore[misc]

        inner.on_connect = connected
        inner.on_message = lambda _c, _u, message: self._arrive(message, epoch)
        return client

    def _arrive(self, message: paho.MQTTMessage, epoch: int) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "$"
        if topic.startswith("$"):  # our own entries stand on such topics in the journal
            self.refused_topics += 1
            topic = "$refused"
        self.inbox.put(
            Arrived(topic, bytes(message.payload), message.qos, bool(message.retain), bool(message.dup), message.mid, epoch)
        )

    async def _keep_subscribed(self, client: aiomqtt.Client) -> None:
        while True:
            await self._resubscribe.wait()
            self._resubscribe.clear()
            await self._subscribe(client)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe on every connection: a broker that lost power has forgotten us without a word."""
        if self.old_filters:
            await client.unsubscribe(list(self.old_filters))
            self.old_filters = []
        for first in range(0, len(self.filters), 100):
            some = self.filters[first : first + 100]
            if self._protocol == paho.MQTTv5:
                codes = await client.subscribe([(each, SubscribeOptions(qos=1, retainHandling=1)) for each in some])
            else:
                codes = await client.subscribe([(each, 1) for each in some])
            for each, code in zip(some, codes, strict=False):
                if (code if isinstance(code, int) else code.value) >= 128:
                    self.last_error = f"the broker refused the subscription to {each}: {code}"
                    self.log("subscription_refused", topic=each, reason=str(code))

    def _note_failure(self, error: Exception) -> None:
        code = getattr(error, "rc", None)
        value = getattr(code, "value", code)
        if self.settings.protocol == "auto" and self._protocol == paho.MQTTv5 and value in _UNSUPPORTED_VERSION:
            self._protocol = paho.MQTTv311
        self.last_error = str(error)
        self.log("broker_lost", host=self.settings.host, port=self.settings.port, error=str(error))


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
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
        context.load_cert_chain(str(settings.cert_file), str(settings.key_file) if settings.key_file else None)
    return context


class Publisher:
    """Publishes like a device does, QoS 1, with a bounded number of messages under way. Blocking."""

    def __init__(self, host: str, port: int, client_id: str, *, window: int = 100) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        self._client.max_inflight_messages_set(window)
        self._client.max_queued_messages_set(0)
        self._room = threading.Semaphore(window)
        self._client.on_publish = lambda *_: self._room.release()
        self._window = window
        self._client.connect(host, port, keepalive=60)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False, timeout_s: float = 60.0) -> None:
        """Send one message; waits while the window is full. Raises TimeoutError if the broker stops answering."""
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
