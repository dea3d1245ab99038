"""The gate: what waits in the inbox becomes journal entries, stamped with their arrival and numbered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from foretell.clock import Clock, TopicClock
from foretell.intake.journal import CLOCK_STEP, DUPLICATE, LINK, RETAINED, Entry, Journal
from foretell.intake.mqtt import Arrived, Event, Link

STAMP_STEP = 1e-6
"""Seconds between two stamps, at least: what arrives in one instant stays distinct and in order."""


class Admitted(NamedTuple):
    """Entries to be journalled, and the messages to be acknowledged once they are."""

    entries: list[Entry]
    messages: list[Arrived]


class Gate:
    """Stamps and numbers; lets each message in once, however often the broker sends it."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal, self.clock = journal, clock
        self.redelivered = 0
        self.last_message_at: float | None = None
        self._last = 0.0
        self._held: list[Link] = []  # until the clock of a replay says its first time

    def admit(self, events: Sequence[Event]) -> Admitted:
        """Entries for what came in. They must be appended to the journal, all of them, in this order."""
        admitted = Admitted([], [])
        moved = self.clock.step()
        if moved:
            self._last = 0.0
            admitted.entries.append(self.own(CLOCK_STEP, str(moved).encode()))
        for event in events:
            if isinstance(event, Link):
                self._held.append(event)
                if event.up and not event.session_present:
                    self.journal.forget_deliveries()  # of a session that is gone; its packet ids start anew
            else:
                admitted.messages.append(event)
                self._message(event, admitted.entries)
            if self._held and self.clock.now() > 0.0:
                admitted.entries.extend(self.own(LINK, b"up" if link.up else b"down") for link in self._held)
                self._held = []
        return admitted

    def own(self, topic: str, payload: bytes = b"") -> Entry:
        """An entry of our own: a person's act, a wake-up, the link."""
        return self.journal.numbered(self._stamp(), topic, payload)

    def _message(self, message: Arrived, entries: list[Entry]) -> None:
        if self.clock.topic and message.topic == self.clock.topic and isinstance(self.clock, TopicClock):
            self.clock.tell(message.payload)
            return
        if message.duplicate and self.journal.is_redelivered(message.mid, message.topic, message.payload):
            self.redelivered += 1
            return
        flags = (RETAINED if message.retained else 0) | (DUPLICATE if message.duplicate else 0)
        entry = self.journal.numbered(self._stamp(), message.topic, message.payload, flags, message.mid)
        self.last_message_at = entry.arrived
        entries.append(entry)

    def _stamp(self) -> float:
        self._last = max(self.clock.now(), self._last + STAMP_STEP)
        return self._last
