"""What was found against what was true: the table at the end of the demo. Pure.

A ticket meets a fault when it names the fault's device and failure mode after the onset; it is early when it
was opened before the instant at which an owner would have noticed. Every other ticket is a false one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from foretell.demo.estate import DAY, HOUR, MINUTE, START, Named
from foretell.demo.faults import Fault, LookAlike, Truth

AFTERMATH = DAY
"""A ticket is laid at a look-alike's door for this long after it ended."""


class Opened(NamedTuple):
    """A ticket, as far as the verdict asks."""

    id: int
    device: str
    mode: str
    at: float
    title: Named


class Finding(NamedTuple):
    """One fault, and the ticket that met it first."""

    fault: Fault
    ticket: Opened | None
    fair: bool
    """Whether the run was long enough for an owner to notice."""

    @property
    def lead(self) -> float | None:
        return None if self.ticket is None else self.fault.noticed - self.ticket.at

    @property
    def met(self) -> bool:
        return (self.lead or 0.0) > 0.0

    @property
    def missed(self) -> bool:
        return self.fair and not self.met


class Verdict(NamedTuple):
    """The whole comparison."""

    findings: tuple[Finding, ...]
    look_alikes: tuple[tuple[LookAlike, tuple[Opened, ...]], ...]
    false: tuple[Opened, ...]

    @property
    def fine(self) -> bool:
        return not self.false and not any(finding.missed for finding in self.findings)


def judge(truth: Truth, tickets: Sequence[Opened], end: float) -> Verdict:
    """Hold the tickets of a run that ended at `end` against the truth."""
    ordered = sorted(tickets, key=lambda ticket: (ticket.at, ticket.id))
    findings = tuple(
        Finding(fault, next((t for t in ordered if _meets(t, fault)), None), fault.noticed <= end)
        for fault in truth.faults
        if fault.onset < end
    )
    false = tuple(t for t in ordered if not any(_meets(t, fault) for fault in truth.faults))
    look_alikes = tuple(
        (
            each,
            tuple(t for t in false if each.touches(t.device) and each.start <= t.at <= each.end + AFTERMATH),
        )
        for each in truth.look_alikes
        if each.end <= end
    )
    return Verdict(findings, look_alikes, false)


def _meets(ticket: Opened, fault: Fault) -> bool:
    return ticket.device == fault.device and ticket.mode in fault.modes and ticket.at >= fault.onset


# -- for people -----------------------------------------------------------------------------------------

_WORDS = {
    "faults": Named("What went wrong, and who knew first", "真实故障:谁先知道"),
    "fault": Named("fault", "故障"),
    "device": Named("device", "设备"),
    "began": Named("began", "开始"),
    "ticket": Named("first ticket", "首张工单"),
    "noticed": Named("owners would notice", "业主会察觉"),
    "lead": Named("lead", "提前"),
    "missed": Named("MISSED", "漏报"),
    "growing": Named("still growing", "仍在发展"),
    "late": Named("TOO LATE", "晚于业主"),
    "look_alikes": Named("What only looked like it", "相似但不是故障"),
    "event": Named("event", "事件"),
    "when": Named("when", "时间"),
    "where": Named("where", "涉及"),
    "raised": Named("tickets raised", "误报工单"),
    "none": Named("none", "无"),
    "everywhere": Named("the whole site", "全部设备"),
    "devices": Named("{} devices", "{} 台设备"),
    "false": Named("False ticket: #{} {}", "误报工单:#{} {}"),
    "fine": Named(
        "{met} of {all} faults met before an owner would have noticed, by {lead} on average; none false.",
        "{all} 个故障中有 {met} 个赶在业主察觉之前派单,平均提前 {lead};没有误报。",
    ),
    "too_short": Named(
        "Nothing goes wrong in so short a time: faults begin in the second week.",
        "时间太短,还没有故障发生:故障从第二周开始。",
    ),
    "not_fine": Named(
        "{met} of {all} faults met before an owner would have noticed; false tickets: {false}.",
        "{all} 个故障中有 {met} 个赶在业主察觉之前派单;误报 {false} 张。",
    ),
}


def pick(named: Named, language: str) -> str:
    """The name in the language of the audience."""
    return named.zh if language == "zh" else named.en


def moment(at: float, language: str) -> str:
    """A moment as the site's clock has it: "day 8, 14:10"."""
    day, second = divmod(int(at) - START, DAY)
    clock = f"{second // HOUR:02}:{second % HOUR // MINUTE:02}"
    return f"第 {day + 1} 天 {clock}" if language == "zh" else f"day {day + 1}, {clock}"


def span(seconds: float, language: str) -> str:
    """A length of time for people: "3.4 days", "7 hours"."""
    number, unit = (
        (seconds / DAY, Named("days", "天"))
        if abs(seconds) >= DAY
        else (seconds / HOUR, Named("hours", "小时"))
    )
    return f"{number:.1f} {pick(unit, language)}"


def tables(verdict: Verdict, language: str) -> list[Table]:
    """The verdict as tables."""
    return [_findings_table(verdict, language), _look_alike_table(verdict, language)]


def summary(verdict: Verdict, language: str) -> list[str]:
    """The verdict in a sentence, after the tickets that should not be."""

    def say(key: str) -> str:
        return pick(_WORDS[key], language)

    leads = [finding.lead for finding in verdict.findings if finding.met and finding.lead is not None]
    counted = [finding for finding in verdict.findings if finding.met or finding.missed]
    key = "too_short" if verdict.fine and not counted else "fine" if verdict.fine else "not_fine"
    sentence = say(key).format(
        met=len(leads),
        all=len(counted),
        false=len(verdict.false),
        lead=span(sum(leads) / max(1, len(leads)), language),
    )
    return [*(say("false").format(t.id, pick(t.title, language)) for t in verdict.false), sentence]


def _findings_table(verdict: Verdict, language: str) -> Table:
    table = _table("faults", ("fault", "device", "began", "ticket", "noticed", "lead"), language)
    for finding in verdict.findings:
        fault, ticket = finding.fault, finding.ticket
        table.add_row(
            pick(fault.name, language),
            fault.device,
            moment(fault.onset, language),
            f"#{ticket.id} {moment(ticket.at, language)}" if ticket else "–",
            moment(fault.noticed, language),
            _lead(finding, language),
        )
    return table


def _lead(finding: Finding, language: str) -> str:
    if finding.met and finding.lead is not None:
        return f"[green]{span(finding.lead, language)}[/]"
    word = "late" if finding.ticket else "missed" if finding.fair else "growing"
    return f"[{'red' if finding.missed else 'yellow'}]{pick(_WORDS[word], language)}[/]"


def _look_alike_table(verdict: Verdict, language: str) -> Table:
    table = _table("look_alikes", ("event", "where", "when", "raised"), language)
    for each, blamed in verdict.look_alikes:
        raised = ", ".join(f"#{ticket.id}" for ticket in blamed)
        table.add_row(
            pick(each.name, language),
            _where(each, language),
            moment(each.start, language),
            f"[red]{raised}[/]" if raised else f"[green]{pick(_WORDS['none'], language)}[/]",
        )
    return table


def _where(each: LookAlike, language: str) -> str:
    if not each.devices:
        return pick(_WORDS["everywhere"], language)
    if len(each.devices) <= 2:
        return ", ".join(each.devices)
    return pick(_WORDS["devices"], language).format(len(each.devices))


def _table(title: str, columns: Sequence[str], language: str) -> Table:
    table = Table(title=pick(_WORDS[title], language), title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(pick(_WORDS[column], language), overflow="fold")
    return table
