"""A small estate for the web room: a real ledger with real changes in it, behind a door of plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell.authored.validate import Text
from foretell.engine.engine import Engine
from foretell.engine.facts import CLEARED, LOST_SIGHT, NEWS, OPENED, Change
from foretell.engine.rule import Rulebook
from foretell.engine.rulebook import read_rule
from foretell.site.kinds import read_kind
from foretell.tickets.ledger import Ledger
from foretell.tickets.policy import Desk
from foretell.tickets.reports import Said
from foretell.web.door import Counters, Status

NOW = 1_795_500_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
HOSTILE = "<script>document.title='taken'</script>"

KIND = """
title: {en: Lift, zh: 电梯}
signals:
  door_close_time: {type: gauge, unit: s, range: [0.5, 30], title: {en: Door close time, zh: 关门时间}}
  mode: {type: state, values: [normal, stopped], title: {en: Mode, zh: 运行模式}}
"""
RULES = {
    "elevator/door-closing-slower": """
title: {en: "{device}: door is closing slower", zh: "{device} 关门变慢"}
kind: elevator
when: {signal: door_close_time, above: 4 s}
for: 2 h
ticket:
  failure_mode: door-operator
  route: maintainer
  within: 3 d
  do:
    en: Clean the sill and track, then check the belt, rollers and door motor.
    zh: 清洁地坎和门导轨，再检查皮带、滚轮和门机。
""",
    "elevator/out-of-service": """
title: {en: "{device} is out of service", zh: "{device} 停梯"}
kind: elevator
when: {signal: mode, is: stopped}
for: 10 min
ticket:
  failure_mode: out-of-service
  route: maintainer
  within: 2 h
  do: {en: Call the maintainer and put up a notice in the lobby., zh: 立即派单给维保单位，并在大堂张贴告示。}
""",
    "elevator/box-silent": """
title: {en: "{device}: nothing is heard", zh: "{device} 无数据"}
kind: elevator
when: {silent: 30 min}
ticket:
  failure_mode: box-link
  route: engineer
  within: 1 d
  do: {en: Check power and network of the box., zh: 检查采集盒的电源和网络。}
""",
}
TITLES = {
    "b3-l2": Text(en="Building 3, lift 2", zh="3栋2号梯"),
    "b1-l1": Text(en="Building 1, lift 1", zh="1栋1号梯"),
    "b2-l1": Text(en="Building 2, lift 1", zh="2栋1号梯"),
    "b5-l1": Text(en=f"Lift {HOSTILE}", zh=f"电梯 {HOSTILE}"),
}
PLACES = {
    "b3-l2": Text(en="Emerald Lake, building 3, unit 2, lobby", zh="翠湖花园 3栋2单元 大堂"),
    "b1-l1": Text(en="Emerald Lake, building 1", zh="翠湖花园 1栋"),
    "b2-l1": Text(en="Emerald Lake, building 2", zh="翠湖花园 2栋"),
}

STATUS = Status(
    site="emerald-lake", title=Text(en="Emerald Lake", zh="翠湖花园"), language="zh-CN", version="0.1.0",
    now=NOW, own_clock=True, ready=True, not_ready=(), connected=True, last_message_at=NOW - 12, devices=214,
    offline_devices=3, rules=37, watches=1240, open_watches=3, problems=(),
)  # fmt: skip
COUNTERS = Counters(
    messages=120_000, readings=360_000, rejected={"not_json": 3}, redelivered=7, dropped=2,
    changes={"opened": 5, "cleared": 1}, engine={"late": 2}, connections=2, sessions_lost=1, inbox=4,
    journal_position=120_000, journal_bytes=73_400_320, reload_ok=True, reload_ok_at=NOW - DAY,
    last_seen={"b3-l2": ("elevator", NOW - 12), "b1-l1": ("elevator", NOW - 40),
               "lobby-a": ("lighting", NOW - 3)},
)  # fmt: skip


class EstateDoor:
    """The daemon, held still: a ledger that is real, a status that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "tickets.db")
        self.now_status = STATUS
        self.now_counters = COUNTERS
        self.problems: tuple[str, ...] = ()
        self.reloads = 0
        self.engine = Engine(make_desk().rulebook)

    def status(self) -> Status:
        return self.now_status

    def counters(self) -> Counters:
        return self.now_counters

    def tickets(self, *, live_only: bool) -> list[dict[str, Any]]:
        return self.ledger.tickets(live_only=live_only)

    def shadowed(self, *, live_only: bool) -> list[dict[str, Any]]:
        return self.ledger.tickets(live_only=live_only, mode="shadow")

    def ticket(self, ticket_id: int) -> dict[str, Any]:
        return self.ledger.ticket(ticket_id)

    def counts(self) -> dict[tuple[str, str, str], int]:
        return self.ledger.counts()

    def leads(self) -> list[float]:
        return self.ledger.confirmed_leads()

    def faults(self) -> dict[str, int]:
        return self.ledger.confirmed_faults()

    def reports(self, *, limit: int) -> list[dict[str, Any]]:
        return self.ledger.reports.reports(limit=limit)

    async def report(self, said: Said) -> dict[str, Any]:
        kinds = {name: kind for name, (kind, _at) in self.now_counters.last_seen.items()}
        return self.ledger.reports.add(said, self.now_status.now, self.desk(), kinds)

    def desk(self) -> Desk:
        return make_desk()

    def explain(self, rule: str, device: str) -> list[dict[str, Any]]:
        return self.engine.explain(rule, device, self.now_status.now)

    async def reload(self) -> tuple[str, ...]:
        self.reloads += 1
        return self.problems


def make_desk() -> Desk:
    kind, problems = read_kind("elevator", KIND, "kind.yaml")
    assert kind is not None, problems
    rules = []
    for name, text in RULES.items():
        rule, problems = read_rule(name, text, name, {"elevator": kind})
        assert rule is not None, problems
        rules.append(rule)
    return Desk(Rulebook(tuple(rules)), {"elevator": kind}, TITLES, PLACES)


SLOW_DOOR = {
    "verb": "above", "signal": "door_close_time", "unit": "s", "value": 4.4, "limit": 4.0,
    "at": NOW - 26 * HOUR, "verdict": True, "recent": [(NOW - 27 * HOUR, 4.2), (NOW - 26 * HOUR, 4.4)],
}  # fmt: skip
STOPPED = {
    "verb": "is", "signal": "mode", "unit": "", "value": "stopped", "limit": ("stopped",),
    "at": NOW - 5 * HOUR, "verdict": True, "recent": [],
}  # fmt: skip
SILENT = {
    "verb": "silent", "signal": "", "unit": "s", "value": None, "limit": 1800.0, "at": NOW - 3 * HOUR,
    "verdict": True, "recent": [],
}  # fmt: skip


def make_change(
    number: int,
    kind: str,
    rule: str,
    device: str,
    at: float,
    evidence: dict[str, Any],
    why: str = "condition",
) -> Change:
    mode = {"elevator/door-closing-slower": "door-operator", "elevator/out-of-service": "out-of-service"}.get(
        rule, "box-link"
    )
    reason = {"why": why, "since": at - 2 * HOUR, "held": 2 * HOUR}
    return Change(
        number, kind, rule, "ab12", device, "elevator", "", mode, at - 2 * HOUR, at, at, reason, (evidence,)
    )


def fill(ledger: Ledger) -> None:
    """Ticket 1 is due later, 2 overdue, 3 out of sight and hostile; 4 cleared itself, 5 was confirmed."""
    slow, stopped, silent = RULES
    changes = [
        make_change(1, OPENED, slow, "b3-l2", NOW - 26 * HOUR, SLOW_DOOR),
        make_change(2, OPENED, stopped, "b1-l1", NOW - 5 * HOUR, STOPPED),
        make_change(3, OPENED, silent, "b5-l1", NOW - 3 * HOUR, SILENT),
        make_change(4, OPENED, slow, "b2-l1", NOW - 4 * DAY, SLOW_DOOR),
        make_change(5, CLEARED, slow, "b2-l1", NOW - 2 * DAY, SLOW_DOOR | {"value": 3.4, "verdict": False}),
        make_change(6, OPENED, stopped, "b2-l1", NOW - 30 * HOUR, STOPPED),
        make_change(7, NEWS, slow, "b3-l2", NOW - 2 * HOUR, SLOW_DOOR | {"value": 4.9}, "worse"),
        make_change(8, LOST_SIGHT, silent, "b5-l1", NOW - HOUR, SILENT | {"verdict": None}, "no_data"),
    ]
    ledger.record(changes, 8, make_desk())
    ledger.acknowledge(2, "王工", NOW - 4 * HOUR, "已联系维保，14点到场")
    ledger.fix(5, "Li", NOW - 26 * HOUR, "Replaced the safety circuit contact")
    ledger.finish(5, "Li", NOW - 25 * HOUR, "confirmed")
