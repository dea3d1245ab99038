"""What Prometheus reads: most of it asked of the daemon at the scrape, the rest observed as it happens."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from foretell.web.door import Counters, Door, Status

DEVICE_SERIES_MAX = 2_000
HOUR, DAY = 3600.0, 86400.0
LEAD_BUCKETS = (HOUR, 4 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


def make_registry(door: Door) -> CollectorRegistry:
    """All that /metrics shows. A scrape blocks on the database: collect in a thread."""
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(DoorCollector(door))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class Instruments:
    """What the daemon observes while it works."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commit_seconds = Histogram(
            "foretell_journal_commit_seconds",
            "Time one durable commit of the journal took.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.batch_messages = Histogram(
            "foretell_batch_messages",
            "Messages gathered into one commit of the journal.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "foretell_ledger_apply_seconds",
            "Time one transaction of the ticket ledger took.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )


class DoorCollector(Collector):
    """Asks the daemon anew at every scrape, so that what is gone disappears."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._dropped = 0

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: the daemon may not be there yet when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        status, counters = self._door.status(), self._door.counters()
        yield from _about(status)
        yield from _intake(status, counters)
        yield from _files(counters)
        yield from _devices(status, counters.last_seen)
        yield self._beyond_cap(len(counters.last_seen))
        yield from _watching(status, counters)
        yield _tickets(self._door.counts())
        yield from _leads(self._door.faults(), self._door.leads())

    def _beyond_cap(self, devices: int) -> Metric:
        self._dropped += max(0, devices - DEVICE_SERIES_MAX)
        says = f"Series left out of scrapes: of devices, at most {DEVICE_SERIES_MAX} have one of their own."
        return _counter("metrics_dropped_series", says, self._dropped)


def _about(status: Status) -> Iterator[Metric]:
    yield _gauge(
        "build_info",
        "Always 1; the label says which version of foretell runs.",
        {(status.version,): 1},
        "version",
    )
    yield _gauge(
        "ready",
        "1 when foretell takes in messages and keeps tickets, 0 while something stands in the way.",
        status.ready,
    )


def _intake(status: Status, counters: Counters) -> Iterator[Metric]:
    yield _counter("messages_received", "Messages taken from the broker.", counters.messages)
    yield _counter("readings", "Readings found in messages.", counters.readings)
    yield _counter(
        "rejected",
        "Messages and fields that could not be read, by reason.",
        _keyed(counters.rejected),
        "reason",
    )
    yield _counter("messages_redelivered", "Messages that the broker delivered again.", counters.redelivered)
    yield _counter("messages_dropped", "QoS 0 messages that a flood left no room for.", counters.dropped)
    yield _gauge("mqtt_connected", "1 while connected to the MQTT broker, else 0.", status.connected)
    yield _counter("mqtt_connections", "Connections made to the MQTT broker.", counters.connections)
    yield _counter(
        "mqtt_sessions_lost",
        "Connections at which the broker no longer knew our session; messages may have been lost.",
        counters.sessions_lost,
    )
    yield _gauge("inbox_messages", "Messages received and not yet in the journal.", counters.inbox)
    yield _gauge(
        "journal_position", "Position in the journal of the last message kept.", counters.journal_position
    )
    yield _gauge("journal_bytes", "Size of the journal on disk.", counters.journal_bytes)


def _files(counters: Counters) -> Iterator[Metric]:
    yield _gauge(
        "config_last_reload_successful",
        "1 if the files were fine at the last start or reload, else 0.",
        counters.reload_ok,
    )
    yield _gauge(
        "config_last_reload_success_timestamp_seconds",
        "Unix time at which the files in force were read.",
        counters.reload_ok_at,
    )


def _devices(status: Status, last_seen: Mapping[str, tuple[str, float]]) -> Iterator[Metric]:
    kinds: dict[tuple[str, ...], float] = {}
    for kind, _at in last_seen.values():
        kinds[kind,] = kinds.get((kind,), 0) + 1
    yield _gauge("devices", "Devices that were heard at least once, by kind.", kinds, "kind")
    yield _gauge(
        "devices_known", "Devices that are listed in the site's files or were heard.", status.devices
    )
    yield _gauge("devices_offline", "Devices that are offline now.", status.offline_devices)
    shown = itertools.islice(sorted(last_seen.items()), DEVICE_SERIES_MAX)
    yield _gauge(
        "device_last_seen_timestamp_seconds",
        "Unix time at which a device was last heard.",
        {(device, kind): at for device, (kind, at) in shown},
        "device",
        "kind",
    )


def _watching(status: Status, counters: Counters) -> Iterator[Metric]:
    yield _gauge("rules", "Rules in force.", status.rules)
    yield _gauge(
        "watches", "Watches: one for each rule on each device it fits, or on each part of it.", status.watches
    )
    yield _gauge("watches_open", "Watches whose condition holds now.", status.open_watches)
    yield _counter("changes", "Changes the engine found, by kind.", _keyed(counters.changes), "kind")
    yield _counter(
        "engine_dropped", "Readings the engine did not use, by reason.", _keyed(counters.engine), "reason"
    )


def _tickets(counts: Mapping[tuple[str, str, str], int]) -> Metric:
    values: dict[tuple[str, ...], float] = {key: float(count) for key, count in sorted(counts.items())}
    return _gauge("tickets", "Tickets, by kind of device, state and mode.", values, "kind", "state", "mode")


def _leads(faults: Mapping[str, int], leads: Sequence[float]) -> Iterator[Metric]:
    yield _counter(
        "faults",
        "Faults that were confirmed, by what met them first.",
        _keyed(faults),
        "first",
    )
    ordered = sorted(leads)
    reached = [(f"{limit:.1f}", float(bisect.bisect_right(ordered, limit))) for limit in LEAD_BUCKETS]
    yield HistogramMetricFamily(
        "foretell_lead_seconds",
        "Time from a ticket that was first to the owner's report of it, or else to its repair.",
        buckets=[*reached, ("+Inf", float(len(ordered)))],
        sum_value=sum(ordered),
    )


def _keyed(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(key,): float(count) for key, count in sorted(counts.items())}


def _gauge(name: str, says: str, value: float | Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(f"foretell_{name}", says, labels=labels), value)


def _counter(name: str, says: str, value: float | Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    return _filled(CounterMetricFamily(f"foretell_{name}", says, labels=labels), value)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, value: float | Mapping[tuple[str, ...], float]
) -> Metric:
    rows = value if isinstance(value, Mapping) else {(): float(value)}
    for labels, number in rows.items():
        family.add_metric(labels, number)
    return family
