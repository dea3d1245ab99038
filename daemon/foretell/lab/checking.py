"""What `foretell check` looks at: a site, folders of rules and sensors, or single files, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foretell.authored.document import read
from foretell.authored.problems import Problem
from foretell.config import Bundle, draft, gather, read_settings, shipped
from foretell.lab.linting import lint

ROOMS = ("sensors", "rules")
Checked = tuple[list[Problem], int]


def check_paths(paths: Sequence[Path], now: float | None = None) -> Checked:
    """Every problem of the named files, and how many files were read. Without paths, what is shipped.

    Warnings among them; `now` (Unix seconds) tells which calendars soon run out of known working days.
    """
    if not paths:
        bundle, problems = gather([shipped("sensors")], [shipped("rules")])
        return _check(bundle, problems, now)
    found: list[Problem] = []
    checked = 0
    for path in paths:
        problems, files = _check_one(path, now)
        found += [problem for problem in problems if problem not in found]
        checked += files
    return found, checked


def _check_one(path: Path, now: float | None) -> Checked:
    if not path.exists():
        return [Problem(str(path), 1, 1, "", "there is no such file or folder")], 0
    if path.is_dir() and (path / "site.yaml").is_file():
        path = path / "site.yaml"
    if path.is_file() and (path.name == "site.yaml" or _is_site(path)):
        return _check_site(path, now)
    return _check_loose(path)


def _is_site(path: Path) -> bool:
    try:
        document, _ = read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        return False
    return isinstance(document.value, dict) and {"site", "store"} <= set(document.value)


def _check_site(path: Path, now: float | None) -> Checked:
    settings, problems = read_settings(path)
    if settings is None:  # which folders it names cannot be known; those beside it can be read all the same
        sensors, rules = ([folder] if (folder := path.parent / room).is_dir() else [] for room in ROOMS)
        if not sensors and not rules:
            return _in_order(problems), 1
        bundle, wrong = gather(sensors or [shipped("sensors")], rules)
        _, found = draft(bundle)
        return _in_order(problems) + _in_order(wrong + found), len(bundle.sources) + len(wrong) + 1
    bundle, wrong = gather(settings.sensors, settings.rules, settings.source)
    found, files = _check(bundle, wrong, now, settings.store)
    return problems + found, files + 1


def _check_loose(path: Path) -> Checked:
    """A folder or file that is not a site: its own files, among the kinds that stand around it."""
    if path.is_dir() and any((path / room).is_dir() for room in ROOMS):
        home = path
        sensors, rules = ([folder for folder in (path / room,) if folder.is_dir()] for room in ROOMS)
        own, problems = gather(sensors, rules)
    else:
        root = _root(path)
        home = root.parent
        own, problems = _gather_below(path, root)
    if not own.sources and not problems:
        return [Problem(str(path), 1, 1, "", "no .yaml file stands here, so nothing was checked")], 0
    around, _ = gather(
        [shipped("sensors"), *(folder for folder in (home / "sensors",) if folder.is_dir())], []
    )
    kinds = {source.key: source for source in around.sources if source.key.endswith("/kind.yaml")}
    among = kinds | {source.key: source for source in own.sources}
    bundle = Bundle(tuple(among[key] for key in sorted(among)))
    plan, found = draft(bundle)
    return _in_order(problems + found + lint(bundle, plan)), len(own.sources) + len(problems)


def _root(path: Path) -> Path:
    """The folder that names count from: `rules` or `sensors` above a file, or what stands in for them."""
    whole = path.resolve()
    for folder in (whole, *whole.parents):
        if folder.name in ROOMS and folder.is_dir():
            return folder
    if whole.is_file():
        return whole.parents[1] if len(whole.parents) > 1 else whole.parent
    return whole.parent if any(each.is_file() for each in whole.glob("*.y*ml")) else whole


def _gather_below(path: Path, root: Path) -> tuple[Bundle, list[Problem]]:
    bundle, problems = gather([], [path])
    whole = path.resolve()
    sources = []
    for source in bundle.sources:
        below = whole if path.is_file() else whole / source.key.removeprefix("rules/")
        name = below.relative_to(root).with_suffix(".yaml").as_posix()
        room = root.name if root.name in ROOMS else _room(name, source.text)
        sources.append(source._replace(key=f"{room}/{name}"))
    return Bundle(tuple(sources)), problems


def _room(name: str, text: str) -> str:
    """Whether a file is a kind or profile (sensors) or a rule, told by what it says."""
    if name.endswith("kind.yaml"):
        return "sensors"
    document, _ = read(text, name)
    keys = set(document.value) if isinstance(document.value, dict) else set()
    return "sensors" if {"topic", "signals", "codec"} & keys and "when" not in keys else "rules"


def _check(bundle: Bundle, problems: list[Problem], now: float | None, store: Path | None = None) -> Checked:
    plan, found = draft(bundle)
    found += lint(bundle, plan, store, now)
    return _in_order(problems + found), len(bundle.sources) + len(problems)


def _in_order(problems: list[Problem]) -> list[Problem]:
    """File by file as they stand in a listing, and in each from top to bottom."""
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
