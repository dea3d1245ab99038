"""A plan of one kind and a few conditions, made from texts."""

from __future__ import annotations

from typing import NamedTuple

from foretell.config import Bundle, Source, build
from foretell.intake.fold import Plan

RULE = """
title: {{en: "{{device}} {name}", zh: "{{device}} {name}"}}
kind: bench
when: {when}
{more}
ticket: {{failure_mode: {name}, route: maintainer, within: 3 d, do: {{en: look, zh: 查看}}}}
"""


class Written(NamedTuple):
    """A rule by its name, its condition and further lines."""

    name: str
    when: str
    more: str = ""


def plan_with(kind: str, *rules: Written) -> Plan:
    sources = [Source("sensors/bench/kind.yaml", kind, "kind.yaml")]
    for rule in rules:
        text = RULE.format(**rule._asdict())
        sources.append(Source(f"rules/bench/{rule.name}.yaml", text, f"{rule.name}.yaml"))
    plan, problems = build(Bundle(tuple(sorted(sources))))
    assert plan is not None, "\n".join(map(str, problems))
    return plan
