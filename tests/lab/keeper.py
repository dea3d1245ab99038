"""A site on disk as a daemon leaves it: journal, snapshot and ledger, without a daemon or a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell.config import build, gather, read_settings
from foretell.intake import recall
from foretell.intake.fold import Fold, Maintenance
from foretell.intake.journal import LINK, MAINTENANCE, PLAN, STARTED, TICK_OF_CLOCK, Journal
from foretell.site.listing import place_title
from foretell.tickets.ledger import Ledger
from foretell.tickets.policy import Desk

T0 = 1_795_392_000.0
"""2026-11-23 00:00 UTC, a Monday; 08:00 in Shanghai."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

KIND = """
title: {en: Lift, zh: 电梯}
signals:
  temp: {type: gauge, unit: degC, range: [-30, 90], title: {en: Machine-room temperature, zh: 机房温度}}
  mode: {type: state, values: [normal, stopped], title: {en: Mode, zh: 运行模式}}
  trips: {type: counter, title: {en: Trips, zh: 运行次数}}
"""
PROFILE = """
kind: elevator
topic: "site/{device}/telemetry"
codec: json
time: {field: ts, format: unix}
every: 1 h
signals:
  temp: {field: temp, unit: degC}
  mode: {field: mode}
  trips: {field: trips}
examples:
  - {topic: site/a-1/telemetry, payload: '{"ts":1760000000,"temp":20.0}', reads: {temp: 20 degC}}
"""
HOT = """
title: {en: "{device}: machine room is too hot", zh: "{device} 机房温度过高"}
kind: elevator
moment: at-home
limits:
  hot: {value: 40 degC, between: [30 degC, 50 degC]}
when: {signal: temp, above: $hot}
for: 2 h
unless: [in-maintenance, {signal: mode, is: stopped, after: 10 min}]
source: what a person wrote
ticket:
  {failure_mode: machine-room-heat, route: engineer, within: 4 h, do: {en: Look at the fan., zh: 检查风机。}}
"""
SITE = """
site: estate
store: store
language: en
sensors: [sensors]
rules: [rules]
limits: {elevator/hot: {hot: 41 degC}}
places:
  b1: {title: {en: Building 1, zh: 1栋}, limits: {elevator/hot: {hot: 42 degC}}}
devices:
  a-1: {kind: elevator, place: b1, title: {en: Lift 1, zh: 一号梯}, limits: {elevator/hot: {hot: 43 degC}}}
  a-2: {kind: elevator, place: b1}
  a-3: {kind: elevator}
"""


class Keeper:
    """Writes what a daemon would have written, entry by entry."""

    def __init__(self, folder: Path, rules: dict[str, str] | None = None, site: str = SITE) -> None:
        self.folder, self.file = folder, folder / "site.yaml"
        self.file.write_text(site)
        for name, text in {"kind.yaml": KIND, "box.yaml": PROFILE}.items():
            self._write(f"sensors/elevator/{name}", text)
        for name, text in (rules or {"hot": HOT}).items():
            self.rule(name, text)
        self.store = folder / "store"
        self.store.mkdir()
        self.journal, self.ledger = Journal(self.store / "journal.db"), Ledger(self.store / "ledger.db")
        self.now = T0
        self._adopt()
        self.fold = Fold(self.plan, lambda _: self.plan)
        self._own(STARTED, b"0")
        self._own(PLAN, self.plan.id.encode())
        self._own(LINK, b"up")

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def rule(self, name: str, text: str) -> None:
        self._write(f"rules/elevator/{name}.yaml", text)

    def _adopt(self) -> None:
        settings, problems = read_settings(self.file)
        assert settings is not None, problems
        bundle, problems = gather(settings.sensors, settings.rules, settings.source)
        plan, more = build(bundle)
        assert plan is not None, [*problems, *more]
        self.settings, self.plan = settings, plan
        self.journal.keep_plan(bundle.id, bundle.pack())

    def reload(self) -> None:
        """The files are taken anew, as on SIGHUP."""
        self._adopt()
        self._own(PLAN, self.plan.id.encode())

    def _desk(self) -> Desk:
        model = self.settings.model
        titles = {name: device.title for name, device in model.devices.items() if device.title}
        places = {name: title for name in model.devices if (title := place_title(model, name))}
        return Desk(self.plan.rulebook, self.plan.kinds, titles, places)

    def _own(self, topic: str, payload: bytes) -> None:
        entry = self.journal.numbered(self.now, topic, payload)
        self.journal.append([entry])
        self.ledger.record(self.fold.take([entry]).changes, entry.position, self._desk())

    def at(self, seconds: float) -> Keeper:
        self.now = T0 + seconds
        self._own(TICK_OF_CLOCK, b"")
        return self

    def says(self, device: str = "a-1", **values: Any) -> Keeper:
        payload = json.dumps({"ts": self.now} | values).encode()
        self._own(f"site/{device}/telemetry", payload)
        return self

    def maintain(self, device: str, seconds: float) -> Keeper:
        self._own(MAINTENANCE, Maintenance(1, device, self.now + seconds).pack())
        return self

    def snapshot(self) -> Keeper:
        recall.save(self.fold, self.store)
        return self

    def close(self) -> None:
        self.journal.close()
        self.ledger.close()


@contextmanager
def keeping(folder: Path, **more: Any) -> Iterator[Keeper]:
    """A keeper whose files are closed at the end, as long as it is looked at they are open: it runs."""
    keeper = Keeper(folder, **more)
    try:
        yield keeper
    finally:
        keeper.close()
