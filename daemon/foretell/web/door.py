"""What the web room may ask of the daemon."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from foretell.authored.validate import Text
from foretell.tickets.policy import Desk
from foretell.tickets.reports import Said


class Status(NamedTuple):
    """The daemon at a glance. Times are Unix seconds on the daemon's clock."""

    site: str
    title: Text | None
    language: str
    version: str
    now: float
    own_clock: bool
    """False in a replay or a demo: the time shown is that of the recording."""
    ready: bool
    not_ready: tuple[str, ...]
    connected: bool
    last_message_at: float | None
    devices: int
    offline_devices: int
    rules: int
    watches: int
    open_watches: int
    problems: tuple[str, ...]
    """What is wrong with the files since the last reload; the old ones are still in force."""
    zone: str = ""
    """IANA name of the site's time zone; empty: that of the system."""


class Counters(NamedTuple):
    """What the rooms counted since the start, for /metrics."""

    messages: int
    readings: int
    rejected: dict[str, int]
    redelivered: int
    dropped: int
    """QoS 0 messages that a flood left no room for."""
    changes: dict[str, int]
    engine: dict[str, int]
    connections: int
    sessions_lost: int
    inbox: int
    journal_position: int
    journal_bytes: int
    reload_ok: bool
    reload_ok_at: float
    last_seen: dict[str, tuple[str, float]]
    """Device: (kind, Unix seconds at which it was last heard)."""


class Door(Protocol):
    """The daemon, as the web room sees it.

    `tickets`, `shadowed`, `ticket`, `counts`, `leads`, `faults` and `reports` block on the database, so they
    are called from a thread of their own. `status` and `counters` are called from any thread: what they hand
    out must be copies.
    `desk` and `explain` are called from the daemon's own loop, and do not block.
    """

    def status(self) -> Status: ...

    def counters(self) -> Counters: ...

    def tickets(self, *, live_only: bool) -> list[dict[str, Any]]: ...

    def shadowed(self, *, live_only: bool) -> list[dict[str, Any]]:
        """Tickets that rules in shadow would have opened."""
        ...

    def ticket(self, ticket_id: int) -> dict[str, Any]: ...

    def counts(self) -> dict[tuple[str, str, str], int]: ...

    def leads(self) -> list[float]: ...

    def faults(self) -> dict[str, int]:
        """Confirmed faults by what met them first: a ticket or an owner's report."""
        ...

    def reports(self, *, limit: int) -> list[dict[str, Any]]:
        """The newest owners' reports, without their words and units."""
        ...

    async def report(self, said: Said) -> dict[str, Any]:
        """Take an owner's report in: what the owner is told. Raises Refused, or OSError of the disk."""
        ...

    def desk(self) -> Desk:
        """Rules, kinds and names as they are in force."""
        ...

    def explain(self, rule: str, device: str) -> list[dict[str, Any]]:
        """Where each watch of the rule stands for the device, as `Engine.explain` tells it; none: empty."""
        ...

    async def reload(self) -> tuple[str, ...]:
        """Read the files anew; what is wrong with them (then the old ones stay in force)."""
        ...
