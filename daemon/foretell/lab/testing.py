"""What `foretell test` does: the tests in rule files, and those made from each rule, all run and reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from foretell.authored.document import Document, read
from foretell.authored.problems import Problem
from foretell.clock import monotonic
from foretell.config import Bundle, Source, build, gather, read_settings, shipped
from foretell.engine.rule import Rule
from foretell.engine.rulebook import TestModel
from foretell.intake.fold import Plan
from foretell.lab.cases import READINGS_MAX, Generated, generate
from foretell.lab.checking import _gather_below, _is_site, _root
from foretell.lab.rendering import render
from foretell.lab.sparkline import LANGUAGES, draw
from foretell.lab.translating import chinese
from foretell.lab.trial import Case, Failure, Outcome, read_case, run
from foretell.site.calendars import Zone
from foretell.site.kinds import ANY, Kind

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
A_TEST = "a test"
_MADE = {
    "just above": "刚超过限值", "just short": "差一点", "normal": "正常", "clear": "解除", "gap": "数据中断",
    "duplicate": "每条重发", "out of order": "乱序", "restart in mid-for": "计时途中重启", "offline": "离线",
    "never seen": "从未上报",
}  # fmt: skip
"""What the names of generated tests mean."""

_MARKS = {PASSED: ("✓", "32"), FAILED: ("✗", "31"), SKIPPED: ("–", "33")}


class Result(NamedTuple):
    """What came of one test."""

    rule: str
    test: str
    generated: bool
    outcome: str
    where: str
    reason: str = ""
    """Why it was skipped."""
    failures: tuple[Failure, ...] = ()
    drawing: Mapping[str, Sequence[str]] = {}
    """How it looked, by language."""
    model: TestModel | None = None

    def json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "rule": self.rule, "test": self.test, "generated": self.generated, "outcome": self.outcome,
            "where": self.where,
        }  # fmt: skip
        if self.reason:
            said["reason"] = self.reason
        if self.failures:
            said["failures"] = [
                {key: text for key, text in failure._asdict().items() if text or key != "hint"}
                for failure in self.failures
            ]
        if self.model is not None and self.generated and self.outcome == FAILED:
            said["as_written"] = self.model.model_dump(exclude_defaults=True)
        return said


class Report(NamedTuple):
    """All results, and the problems of files that kept rules from being tested."""

    results: tuple[Result, ...]
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def failed(self) -> bool:
        broken = any(problem.severity == "error" for problem in self.problems)
        return broken or any(result.outcome == FAILED for result in self.results)

    def count(self, outcome: str) -> int:
        return sum(result.outcome == outcome for result in self.results)

    def json(self) -> dict[str, Any]:
        return {
            "passed": self.count(PASSED), "failed": self.count(FAILED), "skipped": self.count(SKIPPED),
            "seconds": round(self.seconds, 2), "problems": [str(problem) for problem in self.problems],
            "results": [result.json() for result in self.results],
        }  # fmt: skip

    def text(self, colour: bool = False, language: str = "en") -> str:
        """By rule: what passed in one line, what did not with what was expected and how it looked."""
        teller = _Teller(colour, language)
        lines = [render(self.problems, "text", language)] if self.problems else []
        for rule in dict.fromkeys(result.rule for result in self.results):
            lines += teller.rule(rule, [each for each in self.results if each.rule == rule])
        rules = len({result.rule for result in self.results})
        made = sum(result.generated for result in self.results)
        counts = [self.count(outcome) for outcome in (PASSED, FAILED, SKIPPED)]
        lines.append(teller.total(rules, len(self.results), made, counts, self.seconds))
        return "\n".join(lines)


class _Teller:
    """Tells results to people, in one language, with or without colour."""

    def __init__(self, colour: bool, language: str) -> None:
        self.colour, self.language, self.zh = colour, language, language == "zh"

    def say(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def sentence(self, english: str) -> str:
        """A sentence of the table in chinese.txt; one that it does not know stays as it is."""
        return (chinese(english) if self.zh else None) or english

    def total(self, rules: int, tests: int, made: int, counts: Sequence[int], seconds: float) -> str:
        passed, failed, skipped = counts
        return self.say(
            f"{rules} rule{'s' * (rules != 1)}, {tests} tests ({made} generated): {passed} passed, "
            f"{failed} failed, {skipped} skipped; {seconds:.1f} s",
            f"{rules} 条规则，{tests} 个测试（自动生成 {made} 个）：通过 {passed}，失败 {failed}，"
            f"跳过 {skipped}；用时 {seconds:.1f} 秒",
        )

    def rule(self, rule: str, results: Sequence[Result]) -> list[str]:
        passed = [result for result in results if result.outcome == PASSED]
        lines = [f"{self.mark(FAILED if any(r.outcome == FAILED for r in results) else PASSED)} {rule}"]
        if passed:
            many = f"{len(passed)} of {len(results)} passed", f"{len(results)} 个测试通过 {len(passed)} 个"
            lines[0] += f"  {self.say(*many)}"
        for result in results:
            if result.outcome == FAILED:
                lines += self.failed(result)
        skipped = [result for result in results if result.outcome == SKIPPED]
        for reason in dict.fromkeys(result.reason for result in skipped):
            alike = [self.name(result) for result in skipped if result.reason == reason]
            names, why = self.say(", ", "、").join(alike), self.sentence(reason)
            said = self.say(f"skipped: {names}: {why}", f"跳过 {names}：{why}")
            lines.append(f"    {self.mark(SKIPPED)} {said}")
        return lines

    def failed(self, result: Result) -> list[str]:
        made = self.say(" (generated)", "（自动生成）") if result.generated else ""
        lines = [f"    {self.mark(FAILED)} {self.name(result)}{made}  {result.where}"]
        lines += [f"        {self.failure(each)}" for each in result.failures]
        lines += [f"        {line}" for line in result.drawing.get(self.language, ())]
        if result.generated and result.model is not None:
            lines.append(
                self.say("        as it would be written in the rule's file:", "        写进规则文件就是：")
            )
            lines += [f"          {name}: {text!r}" for name, text in result.model.series.items()]
            lines += [f"          acts: {act}" for act in result.model.acts]
        return lines

    def failure(self, failure: Failure) -> str:
        got = self.sentence(failure.got)
        if failure.expected == A_TEST:  # it could not even be read
            hint = self.sentence(failure.hint)
            return self.say(
                f"{failure.what}: {got}{f' ({hint})' if hint else ''}",
                f"{failure.what}：{got}{f'（{hint}）' if hint else ''}",
            )
        expected = {"yes": "是", "no": "否"}.get(failure.expected) if self.zh else None
        expected = expected or self.sentence(failure.expected)
        return self.say(
            f"{failure.what}: expected {expected}, but {got}", f"{failure.what}：应为 {expected}，实际{got}"
        )

    def name(self, result: Result) -> str:
        """A test's name; of one that was made also what that means."""
        kind, colon, rest = result.test.partition(": ")
        if not (self.zh and result.generated and kind in _MADE):
            return result.test
        return f"{kind}（{_MADE[kind]}）{'：' if colon else ''}{rest}"

    def mark(self, outcome: str) -> str:
        mark, code = _MARKS[outcome]
        return f"\x1b[{code}m{mark}\x1b[0m" if self.colour else mark


# -- gathering --------------------------------------------------------------------------------------


def test_paths(paths: Sequence[Path], *, generated: bool, only: str | None) -> Report:
    """Run the tests of all rules below the paths (a site, a folder, a file); of what is shipped without any.

    `only` picks rules or tests: by a pattern for the rule's id, or by a part of the test's name.
    """
    began = monotonic()
    results: list[Result] = []
    problems: list[Problem] = []
    for bundle, tested, wrong in map(_gathered, paths) if paths else [_shipped()]:
        plan, found = build(bundle)
        problems += [problem for problem in (*wrong, *found) if problem not in problems]
        if plan is not None:
            results += [each for each in _of_plan(plan, tested, generated, only) if each not in results]
    if not results and not problems:
        what = f"nothing is called '{only}'" if only else "there is no rule, so nothing was tested"
        problems.append(Problem(str(paths[0]) if paths else "rules", 1, 1, "", what))
    return Report(tuple(results), tuple(problems), monotonic() - began)


test_paths.__test__ = False  # type: ignore[attr-defined]

Gathered = tuple[Bundle, tuple[Source, ...], list[Problem]]
"""What a plan is built from, which rules of it are to be tested, and what is wrong with files."""


def _shipped() -> Gathered:
    bundle, problems = gather([shipped("sensors")], [shipped("rules")])
    return bundle, bundle.sources, problems


def _gathered(path: Path) -> Gathered:
    """The files of a site; or those of a folder or file, among the kinds and rules that stand around it."""
    if not path.exists():
        return Bundle(()), (), [Problem(str(path), 1, 1, "", "there is no such file or folder")]
    if path.is_dir() and (path / "site.yaml").is_file():
        path = path / "site.yaml"
    if path.is_file() and (path.name == "site.yaml" or _is_site(path)):
        settings, problems = read_settings(path)
        if settings is None:
            return Bundle(()), (), problems
        bundle, wrong = gather(settings.sensors, settings.rules, settings.source)
        return bundle, bundle.sources, problems + wrong
    home = path if path.is_dir() and (path / "rules").is_dir() else _root(path).parent
    own, problems = gather([], [path / "rules"]) if home == path else _gather_below(path, _root(path))
    beside = {room: [folder for folder in (home / room,) if folder.is_dir()] for room in ("sensors", "rules")}
    around, _ = gather([shipped("sensors"), *beside["sensors"]], [shipped("rules"), *beside["rules"]])
    # A kind that stands beside the rules may be another than the shipped one, whose profiles do not fit it.
    wanted = {f"rules/{name}.yaml" for source in own.sources for name in _named_rules(source)}
    sources = {
        each.key: each for each in around.sources if each.key.endswith("/kind.yaml") or each.key in wanted
    }
    sources |= {source.key: source for source in own.sources}
    return Bundle(tuple(sources[key] for key in sorted(sources))), own.sources, problems


def _named_rules(source: Source) -> list[str]:
    """The rules that hold this one back, which it cannot be read without."""
    document, _ = read(source.text, source.label)
    unless = document.value.get("unless") if isinstance(document.value, dict) else None
    return [word for word in unless if isinstance(word, str)] if isinstance(unless, list) else []


def _of_plan(plan: Plan, tested: Sequence[Source], generated: bool, only: str | None) -> Iterator[Result]:
    rules = plan.rulebook.written
    for source in tested:
        rule = rules.get(source.key.removeprefix("rules/").removesuffix(".yaml"))
        if rule is None or not source.key.startswith("rules/"):
            continue
        document, _ = read(source.text, source.label)
        room = Room(document, rule, rules, plan.kinds, plan.rulebook.zone)
        yield from room.written(only)
        if generated:
            yield from room.made(only)


class Room:
    """One rule with all that its tests need."""

    def __init__(
        self, document: Document, rule: Rule, rules: Mapping[str, Rule], kinds: Mapping[str, Kind], zone: Zone
    ) -> None:
        self.document, self.rule, self.rules = document, rule, rules
        self.kinds, self.zone = kinds, zone

    def _picked(self, name: str, only: str | None) -> bool:
        return (
            only is None
            or fnmatchcase(self.rule.id, only)
            or only.lower() in f"{self.rule.id}: {name}".lower()
        )

    def written(self, only: str | None) -> Iterator[Result]:
        """The tests that stand in the file."""
        for index, model in enumerate(self.rule.authored.tests):
            if not self._picked(model.name, only):
                continue
            line, _ = self.document.position(("tests", index))
            where = f"{self.document.file}:{line}"
            case, faults = read_case(model, self.rule, self.kinds, self.zone)
            if case is None:
                failures = tuple(
                    Failure(".".join(map(str, fault.path)), A_TEST, fault.message, fault.hint)
                    for fault in faults
                )
                yield Result(self.rule.id, model.name, False, FAILED, where, "", failures)
            else:
                yield self._result(case, model, run(case, self.rule, self.rules), False, where)

    def made(self, only: str | None) -> Iterator[Result]:
        """The tests that follow from the rule itself."""
        outcomes: dict[str, Outcome] = {}
        for each in generate(self.rule, self.kinds.get(self.rule.kind, ANY), self.zone):
            if not self._picked(each.name, only) and not each.name.startswith("just above"):
                continue
            result = self._made(each, outcomes)
            if self._picked(each.name, only):
                yield result

    def _made(self, each: Generated, outcomes: dict[str, Outcome]) -> Result:
        where = self.document.file
        model = each.model
        if model is None:
            return Result(self.rule.id, each.name, True, SKIPPED, where, each.skipped)
        case, faults = read_case(model, self.rule, self.kinds, self.zone)
        if case is None:
            return Result(self.rule.id, each.name, True, SKIPPED, where, f"no example: {faults[0].message}")
        readings = sum(len(line.sent) for line in case.series)
        if readings > READINGS_MAX:
            return Result(
                self.rule.id, each.name, True, SKIPPED, where, f"it would take {readings:,} readings"
            )
        outcome = run(_twice(case) if each.twice else case, self.rule, self.rules)
        if each.guessed and outcome.failures:
            reason = "it learns over several of its hours, and this example did not come out"
            return Result(self.rule.id, each.name, True, SKIPPED, where, reason)
        result = self._result(case, model, outcome, True, where)
        outcomes[each.name] = outcome
        like = next(
            (known for name, known in outcomes.items() if each.like and name.startswith(each.like)), None
        )
        if like is not None and result.outcome == PASSED and like.openings != outcome.openings:
            failure = Failure("changes", f"the same as in '{each.like}'", "they are others")
            return result._replace(outcome=FAILED, failures=(failure,))
        return result

    def _result(self, case: Case, model: TestModel, outcome: Outcome, generated: bool, where: str) -> Result:
        if not outcome.failures:
            return Result(self.rule.id, case.name, generated, PASSED, where)
        spans = [(opened, cleared) for _, _, opened, cleared in outcome.openings]
        drawing = {
            language: draw(case.series, self.rule, spans, outcome.length, language) for language in LANGUAGES
        }
        return Result(
            self.rule.id,
            case.name,
            generated,
            FAILED,
            where,
            "",
            tuple(outcome.failures),
            drawing,
            model,
        )


def _twice(case: Case) -> Case:
    """Every reading comes twice, the second time right behind the first."""
    series = [line._replace(sent=tuple(sent for sent in line.sent for _ in range(2))) for line in case.series]
    return case._replace(series=tuple(series))


# -- checking ---------------------------------------------------------------------------------------


def test_problems(document: Document, rule: Rule, kinds: Mapping[str, Kind], zone: Zone) -> list[Problem]:
    """What is wrong with the tests in a rule's file, each with its place: for `foretell check`."""
    problems = []
    names: set[str] = set()
    for index, model in enumerate(rule.authored.tests):
        _, faults = read_case(model, rule, kinds, zone)
        problems += [
            document.problem_at(("tests", index, *fault.path), fault.message, fault.hint) for fault in faults
        ]
        if model.name in names:
            problems.append(
                document.problem_at(("tests", index, "name"), f"two tests are named '{model.name}'")
            )
        names.add(model.name)
    return problems


test_problems.__test__ = False  # type: ignore[attr-defined]
