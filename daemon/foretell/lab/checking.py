"""What `foretell check` looks at: a site, folders of rules and sensors, or single files, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foretell.authored.document import read
from foretell.authored.problems import Problem
from foretell.config import Bundle, Source, build, devices_of, gather, read_settings, shipped


def check_paths(paths: Sequence[Path]) -> tuple[list[Problem], int]:
    """Every problem of the named files, and how many files were read. Without paths, what is shipped."""
    if not paths:
        return _check(*gather([shipped("sensors")], [shipped("rules")]))
    problems: list[Problem] = []
    checked = 0
    for path in paths:
        found, files = _check_one(path)
        problems += found
        checked += files
    return problems, checked


def _check_one(path: Path) -> tuple[list[Problem], int]:
    if not path.exists():
        return [Problem(str(path), 1, 1, "", "there is no such file or folder")], 0
    if path.is_dir() and (path / "site.yaml").is_file():
        path = path / "site.yaml"
    if path.is_file() and path.name == "site.yaml":
        settings, problems = read_settings(path)
        if settings is None:
            return problems, 1
        found, files = _check(*gather(settings.sensors, settings.rules, devices_of(settings.model)))
        return problems + found, files + 1
    return _check_loose(path)


def _check_loose(path: Path) -> tuple[list[Problem], int]:
    """A folder or file that is not a site: its own files, on top of the shipped kinds."""
    base, _ = gather([shipped("sensors")], [])
    if path.is_dir() and ((path / "rules").is_dir() or (path / "sensors").is_dir()):
        own, problems = gather(
            [folder for folder in (path / "sensors",) if folder.is_dir()],
            [folder for folder in (path / "rules",) if folder.is_dir()],
        )
    else:
        own, problems = _gather_loose(path)
    replaced = {source.key for source in own.sources}
    sources = [
        source for source in base.sources if source.key.endswith("/kind.yaml") and source.key not in replaced
    ]
    _, found = build(Bundle(tuple([*sources, *own.sources]), ()))
    return problems + found, len(own.sources) + len(problems)


def _gather_loose(path: Path) -> tuple[Bundle, list[Problem]]:
    root = path if path.is_dir() else path.parent.parent
    bundle, problems = gather([], [root]) if path.is_dir() else _single(path)
    sources = []
    for source in bundle.sources:
        _, _, name = source.key.partition("/")
        sources.append(Source(f"{_room(name, source.text)}/{name}", source.text, source.label))
    return Bundle(tuple(sources), ()), problems


def _single(path: Path) -> tuple[Bundle, list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Bundle((), ()), [Problem(str(path), 1, 1, "", f"cannot be read: {error}")]
    return Bundle((Source(f"rules/{path.parent.name}/{path.stem}.yaml", text, str(path)),), ()), []


def _room(name: str, text: str) -> str:
    """Whether a file is a kind or profile (sensors) or a rule, told by what it says."""
    if name.endswith("kind.yaml"):
        return "sensors"
    document, _ = read(text, name)
    keys = set(document.value) if isinstance(document.value, dict) else set()
    return "sensors" if {"topic", "signals", "codec"} & keys and "when" not in keys else "rules"


def _check(bundle: Bundle, problems: list[Problem]) -> tuple[list[Problem], int]:
    _, found = build(bundle)
    return problems + found, len(bundle.sources)
