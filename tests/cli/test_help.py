"""The command line answers at once, and knows its verbs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "foretell.config",
    "foretell.engine.engine",
    "pint",
    "pydantic",
    "sqlalchemy",
    "structlog",
    "aiomqtt",
)


def test_help_reads_no_room() -> None:
    """What is not imported costs nothing; a clock would only measure the machine."""
    look = "import sys, foretell.cli; print([m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["tickets", "--help"], ["devices", "-h"]])
def test_each_group_of_verbs_has_help(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "foretell", *words], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_a_verb_that_is_none_is_a_fault_of_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "foretell", "fortell"], capture_output=True, text=True)
    assert done.returncode == 2
