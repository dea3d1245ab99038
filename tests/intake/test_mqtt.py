"""Our connection, against a real broker and against everything that is not one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from foretell.intake import mqtt
from foretell.intake.mqtt import Arrived, BrokerSettings, Inbox, Link
from tests.brokers import Certificates, Mosquitto, Sender, eventually, free_port, listening

pytestmark = [
    pytest.mark.broker,
    # When TLS fails, the client leaves the socket to Python's own tidying; we cannot reach it.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
    # A guest who knocks while a pretender closes is never served, and so never shown out.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning"),
]
ALL = "site/#"


@contextlib.contextmanager
def sender(mosquitto: Mosquitto, prepare: Callable[[paho.Client], None] = lambda _: None):  # type: ignore[no-untyped-def]
    made = Sender(mosquitto.port, prepare)
    try:
        yield made
    finally:
        made.close()


# -- hearing ------------------------------------------------------------------------------------------


async def test_messages_come_in_order_and_once(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.reach(), ALL) as ear:
        with sender(mosquitto) as device:
            for number in range(300):
                device.send(f"site/{number % 7}", str(number))
            for _ in range(3):
                ear.connection.acknowledge(ear.listen().heard)
        await eventually(lambda: _acknowledged(ear) and len(ear.heard) >= 300)
        assert [int(message.payload) for message in ear.heard] == list(range(300))
        assert not any(message.duplicate or message.retained for message in ear.heard)
        assert {message.qos for message in ear.heard} == {1}


def _acknowledged(ear) -> bool:  # type: ignore[no-untyped-def]
    before = len(ear.heard)
    ear.connection.acknowledge(ear.listen().heard[before:])
    return True


async def test_a_retained_message_says_so_and_a_live_one_does_not(mosquitto: Mosquitto) -> None:
    with sender(mosquitto) as device:
        device.send("site/a", b"kept", retain=True)
        async with listening(mosquitto.reach(), ALL) as ear:
            await ear.hears(1)
            device.send("site/a", b"live", retain=True)
            heard = await ear.hears(2)
        assert [(m.payload, m.retained) for m in heard] == [(b"kept", True), (b"live", False)]


async def test_what_was_not_acknowledged_comes_again_marked_and_with_its_packet_id(
    mosquitto: Mosquitto,
) -> None:
    with sender(mosquitto) as device:
        async with listening(mosquitto.reach(), ALL) as ear:
            for number in range(5):
                device.send("site/a", str(number))
            first = list(await ear.hears(5))
            ear.connection.acknowledge(first[:2])
        async with listening(mosquitto.reach(), ALL) as again:
            second = await again.hears(3)
            assert again.links == [Link(True, True)]
        assert [(m.mid, m.payload, m.duplicate) for m in second] == [
            (m.mid, m.payload, True) for m in first[2:]
        ]


async def test_an_acknowledgement_of_an_earlier_connection_is_not_given(mosquitto: Mosquitto) -> None:
    """Packet ids start anew or mean other messages there: it would confirm what nobody has stored."""
    with sender(mosquitto) as device:
        async with listening(mosquitto.reach(), ALL) as ear:
            device.send("site/a", b"1")
            first = list(await ear.hears(1))
            mosquitto.stop()
            await eventually(lambda: not ear.connection.connected)
            mosquitto.start()
            await eventually(lambda: len(ear.listen().heard) == 2)
            ear.connection.acknowledge(first)
        async with listening(mosquitto.reach(), ALL) as again:
            assert (await again.hears(1))[0].duplicate


async def test_nothing_is_lost_in_a_narrow_window(narrow_mosquitto: Mosquitto) -> None:
    """At 3.1.1 a broker sends no more than its window, and the rest as acknowledgements come."""
    async with listening(narrow_mosquitto.reach(protocol="3.1.1"), ALL) as ear:
        assert ear.connection.protocol == paho.MQTTv311
        with sender(narrow_mosquitto) as device:
            for number in range(200):
                device.send("site/a", str(number))
        await eventually(lambda: _acknowledged(ear) and len(ear.heard) >= 200)
        assert [int(m.payload) for m in ear.heard] == list(range(200))


async def test_a_packet_over_the_limit_is_withheld_and_the_connection_lives(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.reach(), ALL) as ear:
        with sender(mosquitto) as device:
            device.send("site/a", b"x" * (mqtt.PACKET_MAX_BYTES + 1))
            device.send("site/a", b"small")
        await ear.hears(1)
        assert ear.payloads() == [b"small"]
        assert ear.connection.connections == 1


async def test_other_topics_are_followed_and_old_ones_left(mosquitto: Mosquitto) -> None:
    with sender(mosquitto) as device:
        async with listening(mosquitto.reach(), "site/old", "site/both") as ear:
            ear.connection.follow(["site/both", "site/new"])
            await eventually(lambda: not ear.connection.old_filters)
            device.send("site/old", b"old")
            device.send("site/new", b"new")
            device.send("site/both", b"both")
            await ear.hears(2)
            assert ear.payloads() == [b"new", b"both"]


async def test_topics_of_an_earlier_run_are_left(mosquitto: Mosquitto) -> None:
    with sender(mosquitto) as device:
        async with listening(mosquitto.reach(), "site/old"):
            pass
        async with listening(mosquitto.reach(), "site/new", old_filters=("site/old", "site/new")) as ear:
            device.send("site/old", b"old")
            device.send("site/new", b"new")
            await ear.hears(1)
            assert ear.payloads() == [b"new"]


async def test_a_refused_subscription_is_said_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is granted we are not subscribed; what was granted beside it is heard."""
    monkeypatch.setattr(mqtt, "REFUSED_AGAIN_S", 0.05)
    answers = iter([b"\x01\x87", b"\x01\x87", b"\x01\x01"])

    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x20\x03\x00\x00\x00")
        while packet := await reader.read(4096):
            if packet[0] == 0x82:
                writer.write(b"\x90\x05" + packet[2:4] + b"\x00" + next(answers))
                writer.write(b"\x30\x05\x00\x01a\x001")

    async with pretender(strict) as settings, listening(settings, "a", "b", ready=False) as ear:
        await ear.hears(1)
        assert not ear.connection.subscribed.is_set()
        assert "refused the subscription to b: Not authorized" in ear.connection.last_error
        await ear.subscribed()
        assert ear.connection.connections == 1


# -- coming back --------------------------------------------------------------------------------------


async def test_it_comes_back_after_the_broker_does(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.reach(), ALL) as ear:
        mosquitto.stop()
        await eventually(lambda: not ear.connection.connected)
        mosquitto.start()
        await eventually(lambda: ear.connection.connected)
        await ear.subscribed()
        with sender(mosquitto) as device:
            device.send("site/a", b"after")
        await ear.hears(1)
        assert ear.links == [Link(True, False), Link(False, False), Link(True, True)]
        assert ear.connection.connections == 2
        assert ear.connection.sessions_lost == 0


async def test_a_session_that_the_broker_lost_is_counted(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.reach(), ALL) as ear:
        mosquitto.kill()
        await eventually(lambda: not ear.connection.connected)
        for file in mosquitto.folder.glob("*.db*"):
            file.unlink()
        mosquitto.start()
        await eventually(lambda: ear.connection.connected)
        assert ear.listen().links[-1] == Link(True, False)
        assert ear.connection.sessions_lost == 1
        await ear.subscribed()
        with sender(mosquitto) as device:
            device.send("site/a", b"after")
        await ear.hears(1)


async def test_two_daemons_of_one_name_slow_down_instead_of_fighting(mosquitto: Mosquitto) -> None:
    async with (
        listening(mosquitto.reach(), ALL) as one,
        listening(mosquitto.reach(), ALL, ready=False) as other,
    ):
        await eventually(lambda: one.connection.connections + other.connection.connections >= 6)
        assert "the connection broke off" in one.connection.last_error
        ends = sum(event == "broker_lost" for ear in (one, other) for event, _ in ear.logged)
        assert ends >= 5
    assert one.connection.pause > mqtt.BACKOFF_FIRST_S


async def test_a_taken_over_session_is_named() -> None:
    async def takes_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x01\x8e")
        await writer.drain()

    async with pretender(takes_over) as settings, listening(settings, ALL, ready=False) as ear:
        assert "second foretell" in await eventually(lambda: ear.connection.last_error)


# -- getting in ---------------------------------------------------------------------------------------


def _guarded(mosquitto: Mosquitto, certificates: Certificates, **more: object) -> BrokerSettings:
    return mosquitto.reach(
        username="foretell", password_file=mosquitto.folder / "password", ca_file=certificates.ca, tls=True
    )._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
async def test_tls_and_a_password(
    guarded_mosquitto: Mosquitto, certificates: Certificates, protocol: str
) -> None:
    def prepare(client: paho.Client) -> None:
        client.username_pw_set("foretell", "open sesame")
        client.tls_set_context(ssl.create_default_context(cafile=str(certificates.ca)))

    async with listening(_guarded(guarded_mosquitto, certificates, protocol=protocol), ALL) as ear:
        with sender(guarded_mosquitto, prepare) as device:
            device.send("site/a", b"secret")
        assert (await ear.hears(1))[0].payload == b"secret"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_is_said_plainly(
    guarded_mosquitto: Mosquitto, certificates: Certificates, protocol: str
) -> None:
    (guarded_mosquitto.folder / "password").write_text("open barley")
    async with listening(
        _guarded(guarded_mosquitto, certificates, protocol=protocol), ALL, ready=False
    ) as ear:
        said = await eventually(lambda: ear.connection.last_error)
        assert "authori" in said.lower()
        assert "user 'foretell'" in said
        assert "password_file" in said
        assert "barley" not in said
        (guarded_mosquitto.folder / "password").write_text("open sesame")  # and it is mended while we run
        await ear.subscribed()


async def test_nobody_is_told_that_they_have_no_name(
    guarded_mosquitto: Mosquitto, certificates: Certificates
) -> None:
    settings = _guarded(guarded_mosquitto, certificates, username=None, password_file=None)
    async with listening(settings, ALL, ready=False) as ear:
        assert "no username is set" in await eventually(lambda: ear.connection.last_error)


async def test_a_broker_whose_certificate_nobody_signed_is_not_trusted(
    guarded_mosquitto: Mosquitto, certificates: Certificates
) -> None:
    async with listening(_guarded(guarded_mosquitto, certificates, ca_file=None), ALL, ready=False) as ear:
        assert "certificate" in await eventually(lambda: ear.connection.last_error)
        assert ear.connection.connections == 0
    gc.collect()


@pytest.mark.parametrize("fault", ["ca_file", "password_file"])
async def test_files_that_cannot_be_read_are_said_and_tried_again(
    guarded_mosquitto: Mosquitto, certificates: Certificates, tmp_path: Path, fault: str
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe nothing of the kind")
    async with listening(
        _guarded(guarded_mosquitto, certificates, **{fault: broken}), ALL, ready=False
    ) as ear:
        assert await eventually(lambda: ear.connection.last_error)
        broken.write_bytes({"ca_file": certificates.ca.read_bytes(), "password_file": b"open sesame"}[fault])
        await ear.subscribed()


# -- what is not a broker -----------------------------------------------------------------------------

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def pretender(behave: Behaviour, port: int = 0) -> AsyncIterator[BrokerSettings]:
    """A server that takes a connection and then behaves as told."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await behave(reader, writer)
        finally:
            await _shut(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield BrokerSettings(port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _closes(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def _babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    await writer.drain()


async def _lies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x20\x01\x00\x30\x00\x20\x00")  # a CONNACK that is too short, an empty PUBLISH
    await writer.drain()
    await reader.read(1024)


async def _welcomes_and_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x20\x03\x00\x00\x00")
    await writer.drain()


async def _welcomes_and_talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x20\x03\x00\x00\x00\x32\x05\x00\x09ab\x00\xf0\x00\x90\x00")
    await writer.drain()
    await reader.read(64 * 1024)


@pytest.mark.parametrize(
    "behave", [_closes, _babbles, _lies, _welcomes_and_closes, _welcomes_and_talks_nonsense]
)
async def test_it_survives_whatever_answers(mosquitto: Mosquitto, behave: Behaviour) -> None:
    """And is connected once a broker stands where the nonsense was."""
    async with pretender(behave) as settings, listening(settings, ALL, ready=False) as ear:
        await eventually(lambda: len([1 for event, _ in ear.logged if event == "broker_lost"]) >= 2)
        assert not ear.connection.subscribed.is_set()
        assert ear.connection.last_error
        ear.connection.settings = mosquitto.reach()
        await ear.subscribed()


async def test_no_socket_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up, and sees that we have gone."""
    monkeypatch.setattr(mqtt, "ANSWER_WITHIN_S", 0.1)
    gone: list[bool] = []

    async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        gone.append(True)

    async with pretender(mute) as settings, listening(settings, ALL, ready=False) as ear:
        await eventually(lambda: len(gone) >= 2)
        assert "said nothing" in ear.connection.last_error


async def test_it_survives_that_nobody_answers() -> None:
    async with listening(BrokerSettings(port=free_port()), ALL, ready=False) as ear:
        await eventually(lambda: len(ear.logged) >= 2)
        assert "refused" in ear.connection.last_error.lower()
        assert ear.listen().links == []


async def test_a_fault_of_our_own_is_logged_and_tried_again(mosquitto: Mosquitto) -> None:
    """Whatever the client throws at us, hearing the broker again matters more."""
    impossible = mosquitto.reach(
        password_file=mosquitto.folder
    )  # a folder: reading it is an error of its own kind
    async with listening(impossible, ALL, ready=False) as ear:
        await eventually(lambda: ear.connection.last_error)
        ear.connection.settings = mosquitto.reach(client_id="a\ud800")  # not even encodable
        await eventually(lambda: "unexpected" in ear.connection.last_error)
        ear.connection.settings = mosquitto.reach()
        await ear.subscribed()


# -- brokers of the old school ------------------------------------------------------------------------


@pytest.fixture
def old_broker(tmp_path: Path) -> Iterator[int]:
    """A broker that knows nothing but 3.1.1, in a process of its own; its port."""
    pytest.importorskip("amqtt")
    port = free_port()
    (tmp_path / "amqtt.yaml").write_text(
        f'listeners: {{default: {{type: tcp, bind: "127.0.0.1:{port}"}}}}\n'
        "plugins: {amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}}\n"
    )
    program = [str(Path(sys.executable).with_name("amqtt")), "-c", str(tmp_path / "amqtt.yaml")]
    with (
        open(tmp_path / "amqtt.log", "wb") as log,
        subprocess.Popen(program, stdout=log, stderr=log) as process,
    ):
        yield port
        process.kill()


@pytest.mark.parametrize("client_id", ["foretell", "f", "foretell-of-the-north-gate"])
async def test_a_broker_that_knows_only_3_1_1(old_broker: int, client_id: str) -> None:
    """It misreads our CONNECT: depending on our name it refuses, or waits for more."""
    async with listening(BrokerSettings(port=old_broker, client_id=client_id), ALL) as ear:
        assert ear.connection.protocol == paho.MQTTv311
        device = await asyncio.to_thread(Sender, old_broker)
        await asyncio.to_thread(device.send, "site/a", b"old")
        assert (await ear.hears(1))[0].payload == b"old"
        ear.connection.acknowledge(ear.heard)
        await asyncio.to_thread(device.close)


async def test_a_broker_that_says_it_does_not_know_mqtt_5(mosquitto: Mosquitto) -> None:
    async def only_the_old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        if b"MQTT\x05" in hello:
            writer.write(b"\x20\x02\x00\x01")
            return
        await _between(reader, writer, mosquitto.port, hello)

    async with pretender(only_the_old) as settings, listening(settings, ALL) as ear:
        assert ear.connection.protocol == paho.MQTTv311


async def test_a_broker_that_closes_on_mqtt_5_without_a_word(mosquitto: Mosquitto) -> None:
    async def only_the_old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        if b"MQTT\x05" in hello:
            return
        await _between(reader, writer, mosquitto.port, hello)

    async with pretender(only_the_old) as settings, listening(settings, ALL) as ear:
        assert ear.connection.protocol == paho.MQTTv311


async def test_a_broker_that_once_spoke_mqtt_5_is_not_taken_for_an_old_one(mosquitto: Mosquitto) -> None:
    """A broker on its way down closes as an old one would; but without MQTT 5 nothing bounds its window."""
    port = free_port()

    async def closes(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def passes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _between(reader, writer, mosquitto.port)

    async with listening(BrokerSettings(port=port), ALL, ready=False) as ear:
        async with pretender(passes, port):
            await ear.subscribed()
        await eventually(lambda: not ear.connection.connected)
        async with pretender(closes, port):
            await eventually(lambda: "without an answer" in ear.connection.last_error)
            assert ear.connection.protocol == paho.MQTTv5


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _between(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    port: int,
    said: bytes = b"",
    goes: Callable[[], bool] = lambda: True,
) -> None:
    """Pass on what a client and the broker at `port` say, as long as it `goes`; swallow it afterwards."""
    back, forth = await asyncio.open_connection("127.0.0.1", port)
    forth.write(said)

    async def through(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while some := await source.read(4096):
            if goes():
                sink.write(some)

    pair = [asyncio.create_task(through(reader, forth)), asyncio.create_task(through(back, writer))]
    try:
        await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in pair:
            each.cancel()
        await asyncio.wait(pair)
        await _shut(forth)


# -- half-open links ----------------------------------------------------------------------------------


async def test_a_link_that_died_without_a_word_is_noticed(mosquitto: Mosquitto) -> None:
    """A router that lost power sends no goodbye: after the keepalive we know, and say that we are cut off."""
    frozen = asyncio.Event()

    async def freezes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _between(reader, writer, mosquitto.port, goes=lambda: not frozen.is_set())
        await asyncio.Event().wait()  # the broker gives up on us; the dead link does not tell us so

    async with pretender(freezes) as settings, listening(settings._replace(keepalive_s=1), ALL) as ear:
        frozen.set()
        await eventually(lambda: ear.listen().links[-1] == Link(False, False))
        await eventually(lambda: any("Keep alive" in more.get("error", "") for _, more in ear.logged))


# -- the inbox ----------------------------------------------------------------------------------------


async def test_the_inbox_drops_only_what_was_never_promised() -> None:
    inbox = Inbox()
    sent = Arrived("site/a", b"x" * 1024, 0, False, False, 0, 1)
    for number in range(20_000):
        inbox.put(sent._replace(qos=number % 2, mid=number))
    events = [event for event in inbox.drain() if isinstance(event, Arrived)]
    assert sum(event.qos for event in events) == 10_000
    assert inbox.dropped == 20_000 - len(events) > 0
    inbox.put(sent)
    assert len(inbox) == 1


async def test_our_own_topics_are_refused(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.reach(), "$foretell/#", ALL) as ear:
        with sender(mosquitto) as intruder:
            intruder.send("$foretell/repair", b"{}")
            intruder.send("site/a", b"fine")
        heard = await ear.hears(2)
        assert {message.topic for message in heard} == {"$refused", "site/a"}
        assert ear.connection.refused_topics == 1


async def test_a_subscription_to_our_own_topic_never_reaches_the_journal_as_ours(
    mosquitto: Mosquitto,
) -> None:
    async with listening(mosquitto.reach(), ALL) as ear:
        message = paho.MQTTMessage(mid=7, topic=b"site/\xff")
        message.payload = b"1"
        ear.connection._arrive(message, 1)
        heard = await ear.hears(1)
        assert heard[0].topic == "$refused"


async def test_what_does_not_fit_into_a_batch_stays_in_order() -> None:
    inbox = Inbox()
    for n in range(5):
        inbox.put(Arrived("a/b/c", str(n).encode(), 1, False, False, n + 1, 1))
    first = inbox.drain(2)
    await inbox.wait(5)  # does not wait: there is more
    assert [event.payload for event in (*first, *inbox.drain()) if isinstance(event, Arrived)] == [
        b"0", b"1", b"2", b"3", b"4"
    ]  # fmt: skip
    assert len(inbox) == 0
