"""A broken file on reload: whatever is wrong with it, what runs goes on as if nobody had saved it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.intake.journal import PLAN
from tests.brokers import Mosquitto
from tests.live.harness import history, running, wait_until
from tests.live.test_daemon import Estate, ask

pytestmark = pytest.mark.broker

BROKEN = Path(__file__).parents[1] / "check" / "broken"
AT_LEAST = 60


@pytest.fixture
def estate(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Estate]:
    made = Estate(tmp_path / "site", mosquitto.port)
    kind = tmp_path / "site" / "sensors" / "pump" / "kind.yaml"
    kind.parent.mkdir()
    shutil.copy(BROKEN / "sensors" / "pump" / "kind.yaml", kind)
    yield made
    made.publisher.close()


def variants(site: Path) -> Iterator[tuple[Path, bytes]]:
    """Each broken rule where it would be saved, and some ways to break the files that are in force."""
    for path in sorted((BROKEN / "rules" / "pump").glob("*.y*ml")):
        yield site / "rules" / "pump" / path.name, path.read_bytes()
    for path in sorted((BROKEN / "sensors" / "pump").glob("*.yaml")):
        if path.name != "kind.yaml":
            yield site / "sensors" / "pump" / path.name, path.read_bytes()
    hot, kind, top = site / "rules/lift/hot.yaml", site / "sensors/lift/kind.yaml", site / "site.yaml"
    for whole in (hot, kind, top):
        text = whole.read_bytes()
        yield whole, b""
        yield whole, text[: len(text) // 2].rstrip() + b"\n: ["
        yield whole, text + b"\nunknown_key: 1\n"
        yield whole, b"\xff\xfe" + text
    yield top, top.read_bytes() + b"limits: {lift/hot: {hot: 3 degC}}\n"
    yield top, top.read_bytes() + b"zone: Mars/Olympus\n"


def test_nothing_that_is_wrong_with_a_file_disturbs_what_runs(estate: Estate) -> None:
    with running(estate.site) as daemon:
        estate.reads("l-0", 45)
        wait_until(lambda: history(estate.store), "the first ticket")
        refused = 0
        for file, text in variants(estate.site.parent):
            before = file.read_bytes() if file.exists() else None
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(text)
            status, said = ask(f"{daemon.address}-/reload", "POST")
            assert (status, file.name in said) == (422, True), f"{file.name}: {status} {said}"
            refused += 1
            if refused % 25 == 0:  # in the midst of it the old rule goes on opening
                estate.reads(f"l-{refused}", 45)
                wanted = 1 + refused // 25
                wait_until(lambda n=wanted: len(history(estate.store)) == n, "the old rule to go on")
            file.unlink() if before is None else file.write_bytes(before)
        assert refused >= AT_LEAST
        tickets = len(history(estate.store))
        assert ask(f"{daemon.address}-/reload", "POST")[0] == 200
        estate.reads("l-0", 20)
        wait_until(lambda: len(history(estate.store)) > tickets, "what was open to clear as ever")
    with sqlite3.connect(estate.store / "journal.db") as db:
        plans = db.execute("SELECT payload FROM entry WHERE topic = ?", (PLAN,)).fetchall()
    assert len(set(plans)) == 1, "no broken plan ever came into force"
