"""A small plant for the intake's tests: a kind, profiles, rules, and plans built from them."""

from __future__ import annotations

from foretell.config import Bundle, Source, build
from foretell.intake.decode import Decoded, decode
from foretell.intake.fold import Plan
from foretell.intake.profiles import Profile, Profiles, read_profile
from foretell.site.kinds import Kind, read_kind

NOW = 1_760_000_000.0

KIND = """
title: {en: Pump, zh: 水泵}
signals:
  pressure: {type: gauge, unit: bar, range: [0, 20]}
  flow: {type: gauge, unit: degC}
  starts: {type: counter}
  bearing: {type: gauge, unit: degC, range: [-40, 200], part: end}
  mode: {type: state, values: [normal, standby, fault]}
  alarm: {type: event}
"""

PROFILE = """
kind: pump
topic: "plant/{line}/{device}/data"
every: 10 s
liveness: {topic: "plant/{line}/{device}/status", online: up, offline: down}
signals:
  pressure: {field: p, unit: mbar, missing: [65535, "n/a"]}
  flow: {field: "f[1].v"}
  starts: {field: n}
  bearing: {fields: {drive: temp.de, free: temp.nde}}
  mode: {field: m, map: {0: normal, 1: standby, 2: fault, true: fault}}
  alarm: {field: a}
"""

RULE = """
title: {en: "{device} low", zh: "{device} 压力低"}
kind: pump
when: {signal: pressure, below: LIMIT}
ticket: {failure_mode: leak, route: engineer, within: 1 d, do: {en: Look, zh: 查看}}
"""


def kind() -> Kind:
    found, problems = read_kind("pump", KIND, "kind.yaml")
    assert found is not None, problems
    return found


def profile(text: str = PROFILE, **lines: str) -> Profile:
    """The profile above, or one of another text; `lines` are added to it, such as `time="{field: ts}"`."""
    more = "".join(f"{key}: {value}\n" for key, value in lines.items())
    found, problems = read_profile("pump/box", text + more, "box.yaml", {"pump": kind()})
    assert found is not None, [str(problem) for problem in problems]
    return found


def read(
    payload: bytes | str, topic: str = "plant/north/p-1/data", at: float = NOW, of: Profile | None = None
) -> Decoded:
    """What a message says."""
    (route,) = Profiles((of or profile(),)).routes(topic)
    return decode(route, payload if isinstance(payload, bytes) else payload.encode(), at, retained=False)


def bundle(limit: str = "2 bar", devices: tuple[tuple[str, str], ...] = (), more: str = "") -> Bundle:
    files = {
        "sensors/pump/kind.yaml": KIND,
        "sensors/pump/box.yaml": PROFILE,
        "rules/pump/low.yaml": RULE.replace("LIMIT", limit) + more,
    }
    listed = "".join(f"\n  {name}: {{kind: {kind}}}" for name, kind in devices)
    site = f"site: plant\nstore: state\ndevices:{listed}\n" if listed else "site: plant\nstore: state\n"
    return Bundle(
        tuple(Source(key, files[key], key) for key in sorted(files)), Source("site.yaml", site, "site.yaml")
    )


def plan(limit: str = "2 bar", devices: tuple[tuple[str, str], ...] = (), more: str = "") -> Plan:
    built, problems = build(bundle(limit, devices, more))
    assert built is not None, [str(problem) for problem in problems]
    return built
