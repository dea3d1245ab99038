"""Writes the table of rules that come with foretell into both handbooks, from the rule files themselves.

    python docs/library.py            # between the two marks of rules/README.md and rules/README.zh-CN.md
    python docs/library.py --check    # says whether that would change anything

The files stand under the moment at which owners would meet the fault.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from foretell.authored.validate import Text
from foretell.config import build, gather, shipped
from foretell.engine.rule import Rule
from foretell.engine.rulebook.clauses import SPELT
from foretell.engine.rulebook.words import ConditionModel, RuleModel
from foretell.lab.showing import MOMENTS

BEGIN, END = "<!-- library: made by docs/library.py -->", "<!-- end of library -->"
HEADS = {"en": "| rule | finds | asks | mode |", "zh": "| 规则 | 发现什么 | 用到的条件 | 模式 |"}
HANDBOOKS = {"en": "README.md", "zh": "README.zh-CN.md"}
LOGIC = ("all", "any", "not")


def rules() -> list[Rule]:
    plan, problems = build(gather([shipped("sensors")], [shipped("rules")])[0])
    assert plan is not None, [str(problem) for problem in problems]
    return list(plan.rulebook.written.values())


def table(every: Iterable[Rule], language: str) -> str:
    """The rules by moment, one line each."""
    order = list(MOMENTS)
    ordered = sorted(every, key=lambda rule: (order.index(_moment(rule)), rule.id))
    lines = []
    for moment, group in groupby(ordered, _moment):
        lines += [f"### {MOMENTS[moment][language == 'zh']}", "", HEADS[language], "|---|---|---|---|"]
        lines += [_row(rule, language) for rule in group]
        lines.append("")
    return "\n".join(lines)


def _moment(rule: Rule) -> str:
    model: RuleModel = rule.authored
    return model.moment or "behind-the-scenes"


def _row(rule: Rule, language: str) -> str:
    model: RuleModel = rule.authored
    verbs = ", ".join(f"`{verb}`" for verb in dict.fromkeys(_verbs(model.when)))
    mode = f'`"{rule.mode}"`' if rule.mode == "off" else f"`{rule.mode}`"
    return f"| `{rule.id}` | {_finds(model.title, language)} | {verbs} | {mode} |"


def _finds(title: Text, language: str) -> str:
    """The title without its device."""
    words = title.en if language == "en" else title.zh
    words = words.replace("{device}", "").replace("{part}", "…").replace("{place}", "…")
    return " ".join(words.strip(" :：的").split())


def _verbs(model: ConditionModel) -> Iterator[str]:
    """The verbs of a condition and of all that are in it."""
    for each in [*(model.all or ()), *(model.any or ()), *([model.not_] if model.not_ else ())]:
        yield from _verbs(each)
    for verb in SPELT:
        if verb not in LOGIC and getattr(model, f"{verb}_" if verb == "is" else verb) is not None:
            yield verb


def written(text: str, language: str) -> str:
    """A handbook's text with the table as it is now."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"the handbook has lost its marks: {BEGIN} … {END}"
    return f"{before}{BEGIN}\n\n{table(rules(), language)}\n{END}{after}"


def main(check: bool) -> int:
    stale = 0
    for language, name in HANDBOOKS.items():
        file = Path(shipped("rules")) / name
        text = file.read_text(encoding="utf-8")
        anew = written(text, language)
        if anew == text:
            continue
        stale += 1
        if not check:
            file.write_text(anew, encoding="utf-8")
        print(f"{file}: {'is behind the rules; run: python docs/library.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
