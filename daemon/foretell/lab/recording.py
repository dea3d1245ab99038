"""A recording (CSV or JSON lines, also gzipped) as the messages its devices would have sent."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foretell.intake.decode import Unusable, event_time
from foretell.intake.profiles import Profile, fill

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\Z")


class Recorded(NamedTuple):
    """One message of a recording; `at` is its own time in Unix seconds."""

    at: float
    topic: str
    payload: bytes


class RecordingError(Exception):
    """The recording cannot be read as asked; the message says where and why."""


def messages(path: Path, profiles: Sequence[Profile]) -> Iterator[Recorded]:
    """The messages of the file in its order. Raises RecordingError.

    A CSV column without a name is called `column_N`, counted from 1.
    """
    for line, row in _rows(path):
        for profile in profiles:
            recording = profile.recording
            if recording is not None and not all(
                fnmatch.fnmatchcase(str(row.get(column, "")), pattern)
                for column, pattern in recording.rows.items()
            ):
                continue
            yield _message(path, line, row, profile)


def _message(path: Path, line: int, row: dict[str, Any], profile: Profile) -> Recorded:
    recording = profile.recording
    values = dict(recording.constants) if recording else {}
    columns = recording.columns if recording else {}
    for hole, column in columns.items():
        if column not in row:
            raise RecordingError(
                f"{path}:{line}: there is no column '{column}', which {profile.id} takes for {{{hole}}}"
            )
        values[hole] = str(row[column])
    if profile.clock is None:
        raise RecordingError(f"{profile.id} has no 'time': a recording is replayed by its own clock")
    try:
        topic = fill(profile.topic, values)
        clock = profile.clock._replace(ahead=float("inf"), behind=float("inf"))
        at = event_time(clock, row, 0.0)
    except KeyError as error:
        raise RecordingError(
            f"{profile.id} does not say which column fills {{{error.args[0]}}}: add it to 'recording'"
        ) from error
    except Unusable as error:
        raise RecordingError(f"{path}:{line}: {error}") from error
    return Recorded(at, topic, json.dumps(row, ensure_ascii=False).encode())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    name = path.name.removesuffix(".gz")
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else open(path, encoding="utf-8") as file
        ):
            if name.endswith(".csv"):
                rows = csv.reader(file)
                columns = [name or f"column_{index}" for index, name in enumerate(next(rows, []), start=1)]
                for line, cells in enumerate(rows, start=2):
                    yield line, {column: _cell(cell) for column, cell in zip(columns, cells, strict=False)}
            elif name.endswith((".jsonl", ".ndjson")):
                for line, text in enumerate(file, start=1):
                    yield line, json.loads(text)
            else:
                raise RecordingError(f"{path} is neither .csv nor .jsonl (nor one of them gzipped)")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error
    except (json.JSONDecodeError, csv.Error) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def _cell(cell: str) -> str | float | int:
    """CSV has no types: what looks like a number is one."""
    if not _NUMBER.match(cell):
        return cell
    return float(cell) if "." in cell or "e" in cell or "E" in cell else int(cell)
