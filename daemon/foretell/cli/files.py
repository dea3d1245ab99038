"""Commands about the files that people write: check them, and the schemas that editors want."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.terminal import FINDINGS, USAGE, JsonOption, fail, spoken
from foretell.clock import SystemClock


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="site.yaml, folders or files; the shipped rules if none")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="text, json, or github (annotations in the margin) / 输出格式")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="warnings count as errors / 警告视为错误")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check rules, sensors and site.yaml; names every fault. / 检查规则、传感器和站点配置。"""
    from foretell.lab.checking import check_paths
    from foretell.lab.rendering import FORMS, failed, render, summary

    if form not in FORMS:
        raise fail(f"there is no format '{form}'; known: {', '.join(FORMS)}", USAGE)
    language = spoken("en")
    problems, checked = check_paths(paths or [], SystemClock().now())
    said = render(problems, "json" if as_json else form, language)
    if said:
        print(said)
    if form == "text" and not as_json:
        print(summary(problems, checked, language), file=sys.stderr)
    if failed(problems, strict):
        raise typer.Exit(FINDINGS)


def run_tests(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="site.yaml, folders or rule files; the shipped rules if none")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="rules whose path holds this, such as door / 只测匹配的规则")
    ] = None,
    generated: Annotated[
        bool, typer.Option(help="also cases made from each rule's own limits / 同时运行按参数生成的用例")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Run the tests inside rule files, in virtual time. / 在虚拟时间中运行规则自带的测试。"""
    from foretell.lab.testing import test_paths

    report = test_paths(paths or [], generated=generated, only=only)
    if as_json:
        print(json.dumps(report.json(), ensure_ascii=False, indent=1))
    else:
        print(report.text(colour=sys.stdout.isatty(), language=spoken("en")))
    if report.failed:
        raise typer.Exit(FINDINGS)


def schema(
    which: Annotated[str, typer.Argument(help="rule, profile, kind or site")] = "rule",
) -> None:
    """Print the JSON Schema of a file for your editor. / 输出 JSON Schema。"""
    from foretell.config import schemas

    known = schemas()
    if which not in known:
        raise fail(f"there is no schema '{which}'; known: {', '.join(known)}", USAGE)
    print(json.dumps(known[which], ensure_ascii=False, indent=2))
