"""Files become a plan: site.yaml, sensors/ and rules/ are read, checked as a whole, and built or refused.

Nothing running is touched here: whoever reloads builds first and swaps after.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from pydantic import AfterValidator, Field

import foretell
from foretell.authored.document import TEXT_MAX_BYTES, Document, read
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import duration
from foretell.authored.validate import Duration, Strict, Text, check
from foretell.engine.rulebook import RuleModel
from foretell.engine.rulebook.book import Written, make_rulebook, read_one
from foretell.intake.examples import example_problems
from foretell.intake.fold import Plan
from foretell.intake.mqtt import BrokerSettings
from foretell.intake.profiles import Profile, ProfileModel, Profiles, read_profile, topic_filter
from foretell.site.kinds import Kind, KindModel, read_kind
from foretell.site.listing import Listing, ListingModel, no_site, read_listing

FILES_MAX = 2_000
SITE = "site.yaml"
KIND_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def _between(least: str, most: str) -> AfterValidator:
    """A duration within bounds, which are written as people write them."""
    low, high = duration(least), duration(most)

    def bounded(seconds: float) -> float:
        if not low <= seconds <= high:
            raise ValueError(f"must be between {least} and {most}")
        return seconds

    return AfterValidator(bounded)


Port = Annotated[int, Field(ge=0, le=65535)]


class BrokerModel(Strict):
    """The MQTT broker. `protocol: auto` speaks MQTT 5 and falls back to 3.1.1."""

    host: str = "127.0.0.1"
    port: Port = 1883
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "foretell"
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    keepalive: Annotated[Duration, _between("5 s", "20 min")] = 25.0
    username: str | None = None
    password_file: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class WebModel(Strict):
    """The page, the API and /metrics. Bound to loopback."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: Port = 8480


class JournalModel(Strict):
    """How long arrivals are kept, and for how long at most they are gathered into one commit."""

    keep: Annotated[Duration, _between("1 h", "3660 d")] = 7 * 86400.0
    commit_within: Annotated[Duration, _between("1 ms", "5 s")] = 0.05


class SiteModel(ListingModel):
    """site.yaml: one site, its broker, its store, its places and devices."""

    site: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
    title: Text | None = None
    language: Literal["zh-CN", "en"] = "zh-CN"
    broker: BrokerModel = BrokerModel()
    store: str
    web: WebModel = WebModel()
    journal: JournalModel = JournalModel()
    sensors: list[str] = Field(
        default=[], description="folders of kinds and profiles; the shipped ones if empty"
    )
    rules: list[str] = Field(default=[], description="folders of rules; the shipped ones if empty")
    watch_files: bool = Field(default=False, description="reload by itself when a file of the plan changes")


class Source(NamedTuple):
    """One file of a plan: its path below sensors/ or rules/, its text, and where a person finds it."""

    key: str
    text: str
    label: str


class Settings(NamedTuple):
    """site.yaml, read, with its paths resolved against the folder it stands in."""

    model: SiteModel
    file: Path
    store: Path
    sensors: tuple[Path, ...]
    rules: tuple[Path, ...]
    broker: BrokerSettings
    source: Source


class Bundle(NamedTuple):
    """All the texts that a plan is built from; its identity is theirs. `site` is site.yaml, if any."""

    sources: tuple[Source, ...]
    site: Source | None = None

    @property
    def id(self) -> str:
        return hashlib.sha256(self.pack()).hexdigest()[:16]

    def pack(self) -> bytes:
        """The texts as bytes, for keeping beside the journal."""
        site = None if self.site is None else self.site.text
        return msgspec.json.encode([[[s.key, s.text] for s in self.sources], site])

    @classmethod
    def unpack(cls, body: bytes) -> Bundle:
        texts, site = msgspec.json.decode(body, type=tuple[list[tuple[str, str]], str | None])
        sources = tuple(Source(key, text, key) for key, text in texts)
        return cls(sources, None if site is None else Source(SITE, site, SITE))


def shipped(folder: str) -> Path:
    """The folder `rules` or `sensors` that comes with foretell: inside the package, or beside a checkout."""
    package = Path(foretell.__file__).parent
    inside = package / "shipped" / folder
    return inside if inside.is_dir() else package.parents[1] / folder


def read_settings(path: Path) -> tuple[Settings | None, list[Problem]]:
    """site.yaml with everything that is wrong with it."""
    text, problems = _text(path, _label(path))
    if problems:
        return None, problems
    document, problems = read(text, _label(path))
    if problems:
        return None, problems
    model, problems = check(document, SiteModel)
    if model is None:
        return None, problems
    _, problems = read_listing(document, model)
    base = path.resolve().parent
    broker = _broker(model.broker, base)
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        file: Path | None = getattr(broker, name)
        if file is not None and not file.is_file():
            problems.append(document.problem_at(("broker", name), f"there is no file {file}"))
    sensors = tuple(base / folder for folder in model.sensors) or (shipped("sensors"),)
    rules = tuple(base / folder for folder in model.rules) or (shipped("rules"),)
    for key, folders in (("sensors", sensors), ("rules", rules)):
        problems += [
            document.problem_at((key,), f"there is no folder {f}") for f in folders if not f.is_dir()
        ]
    problems += _device_problems(document, model, sensors)
    source = Source(SITE, text, _label(path))
    settings = Settings(model, path, base / model.store, sensors, rules, broker, source)
    return (None if problems else settings), problems


def _device_problems(document: Document, model: SiteModel, sensors: Sequence[Path]) -> list[Problem]:
    """Devices of a kind that no folder knows; here, because here their line is known."""
    known = {path.parent.name for folder in sensors for path in folder.glob("*/kind.yaml")}
    return [
        document.problem_at(
            ("devices", name, "kind"),
            f"unknown kind '{device.kind}'",
            did_you_mean(device.kind, known) or f"known: {', '.join(sorted(known))}",
        )
        for name, device in model.devices.items()
        if device.kind not in known
    ]


def _broker(model: BrokerModel, base: Path) -> BrokerSettings:
    def file(name: str | None) -> Path | None:
        return None if name is None else base / name

    password = file(model.password_file)
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / "mqtt-password"
    if password is None and model.username is not None and credential.is_file():
        password = credential
    return BrokerSettings(
        host=model.host,
        port=model.port,
        client_id=model.client_id,
        protocol=model.protocol,
        keepalive_s=int(model.keepalive),
        username=model.username,
        password_file=password,
        ca_file=file(model.ca_file),
        cert_file=file(model.cert_file),
        key_file=file(model.key_file),
        tls=model.tls,
    )


def _text(path: Path, label: str) -> tuple[str, list[Problem]]:
    try:
        if path.stat().st_size > TEXT_MAX_BYTES:
            return "", [Problem(label, 1, 1, "", f"file is larger than {TEXT_MAX_BYTES // 1024} KiB")]
        return path.read_text(encoding="utf-8"), []
    except UnicodeDecodeError as error:
        return "", [Problem(label, 1, 1, "", f"not UTF-8 text (byte {error.start})", "save it as UTF-8")]
    except OSError as error:
        return "", [Problem(label, 1, 1, "", f"cannot be read: {error.strerror}")]


def gather(
    sensors: Sequence[Path], rules: Sequence[Path], site: Source | None = None
) -> tuple[Bundle, list[Problem]]:
    """Read the files of a plan. A file of a later folder replaces the same file of an earlier one."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for room, folders in (("sensors", sensors), ("rules", rules)):
        for folder in folders:
            here: set[str] = set()
            for path in _yaml_files(folder):
                below = path.relative_to(folder) if path != folder else Path(path.name)
                key = f"{room}/{below.with_suffix('.yaml').as_posix()}"
                text, wrong = _text(path, _label(path))
                if key in here:
                    twice = f"'{below.with_suffix('').as_posix()}' stands here twice, as .yaml and as .yml"
                    wrong = [*wrong, Problem(_label(path), 1, 1, "", twice, "keep one of them")]
                here.add(key)
                problems += wrong
                if not wrong:
                    sources[key] = Source(key, text, _label(path))
                if len(sources) > FILES_MAX:
                    return Bundle(()), [Problem(_label(folder), 1, 1, "", f"more than {FILES_MAX} files")]
    return Bundle(tuple(sources[key] for key in sorted(sources)), site), problems


def _yaml_files(folder: Path) -> list[Path]:
    """The files of a folder (or the one file that was named), in order."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())


def _label(path: Path) -> str:
    """A path as a person finds it from here, without the detours that a folder's name may hold."""
    plain = Path(os.path.normpath(path))
    return str(plain.relative_to(Path.cwd()) if plain.is_relative_to(Path.cwd()) else plain)


def build(bundle: Bundle) -> tuple[Plan | None, list[Problem]]:
    """The plan of a bundle, or everything that is wrong with it."""
    plan, problems = draft(bundle)
    return (None if any(problem.severity == "error" for problem in problems) else plan), problems


def draft(bundle: Bundle) -> tuple[Plan, list[Problem]]:
    """A plan of those files that are sound, with everything that is wrong: to look at, not to run."""
    kinds, problems = _kinds(bundle)
    broken = {source.key.split("/")[1] for source in bundle.sources if _is_kind(source)} - set(kinds)
    listing, wrong = _listing(bundle)
    problems += wrong
    profiles: list[Profile] = []
    written: list[Written] = []
    for source in bundle.sources:
        room, _, name = source.key.removesuffix(".yaml").partition("/")
        if _is_kind(source):
            continue
        if room == "sensors":
            profile, wrong = read_profile(name, source.text, source.label, kinds)
            wrong = [problem for problem in wrong if not _is_about(problem, broken)]
            if profile is not None:
                wrong = _example_problems(profile, source, kinds) + _read_twice(profile, source, profiles)
                profiles.append(profile)
        else:
            rule, wrong = read_one(name, source.text, source.label, kinds, listing)
            wrong = [problem for problem in wrong if not _is_about(problem, broken)]
            written += [Written(rule, source.text, source.label)] if rule is not None else []
        problems += wrong
    rulebook, wrong = make_rulebook(written, kinds, listing)
    problems += wrong
    problems += [
        listing.document.problem_at(
            ("devices", facts.device, "kind"), f"unknown kind '{facts.kind}'", did_you_mean(facts.kind, kinds)
        )
        for facts in listing.estate.devices.values()
        if facts.kind not in kinds
    ]
    return Plan(bundle.id, Profiles(tuple(profiles)), rulebook, kinds, listing.estate, listing), problems


def _listing(bundle: Bundle) -> tuple[Listing, list[Problem]]:
    """What the site lists, or what every rule finds around it where there is no site."""
    if bundle.site is None:
        return no_site(), []
    document, problems = read(bundle.site.text, bundle.site.label)
    model, wrong = (None, []) if problems else check(document, SiteModel)
    if model is None:
        return no_site(), problems + wrong
    listing, problems = read_listing(document, model)
    return listing or no_site(), problems


def _read_twice(profile: Profile, source: Source, others: Sequence[Profile]) -> list[Problem]:
    """A signal that another profile reads on the same topic already: each message would count twice."""
    mine = {extract.signal.name for extract in profile.extracts}
    for other in others:
        both = mine & {extract.signal.name for extract in other.extracts}
        if both and other.kind == profile.kind and topic_filter(other.topic) == topic_filter(profile.topic):
            document, _ = read(source.text, source.label)
            names = ", ".join(sorted(both))
            return [
                document.problem_at(("topic",), f"{other.id} reads this topic already, and from it {names}")
            ]
    return []


def _is_about(problem: Problem, broken: set[str]) -> bool:
    """A complaint that a kind is unknown, when in truth its own file has a problem, which is said there."""
    return any(problem.message == f"unknown kind '{name}'" for name in broken)


def _is_kind(source: Source) -> bool:
    return source.key.startswith("sensors/") and source.key.endswith("/kind.yaml")


def _kinds(bundle: Bundle) -> tuple[dict[str, Kind], list[Problem]]:
    kinds: dict[str, Kind] = {}
    problems: list[Problem] = []
    for source in filter(_is_kind, bundle.sources):
        name = source.key.removeprefix("sensors/").removesuffix("kind.yaml").rstrip("/")
        if not KIND_NAME.fullmatch(name):
            message = "a kind's folder is its name: sensors/<kind>/kind.yaml in small letters"
            problems.append(Problem(source.label, 1, 1, "", message))
            continue
        kind, wrong = read_kind(name, source.text, source.label)
        problems += wrong
        if kind is not None:
            kinds[kind.name] = kind
    return kinds, problems


def _example_problems(profile: Profile, source: Source, kinds: dict[str, Kind]) -> list[Problem]:
    document, _ = read(source.text, source.label)
    return [
        document.problem_at(("examples", *path), message, hint)
        for path, message, hint in example_problems(profile, kinds[profile.kind])
    ]


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of everything that people write, generated from the models."""
    models: dict[str, type[Strict]] = {
        "rule": RuleModel,
        "profile": ProfileModel,
        "kind": KindModel,
        "site": SiteModel,
    }
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | model.model_json_schema(by_alias=True) for name, model in models.items()}
