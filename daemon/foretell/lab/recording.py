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
    rows = found = 0
    for line, text, row in _rows(path):
        rows += 1
        for profile in profiles:
            recording = profile.recording
            if recording is not None and not all(
                fnmatch.fnmatchcase(text.get(column, ""), pattern)
                for column, pattern in recording.rows.items()
            ):
                continue
            found += 1
            yield _message(path, line, text, row, profile)
    if rows and not found:
        names = ", ".join(profile.id for profile in profiles)
        raise RecordingError(
            f"{path}: none of its {rows} rows is one of {names}; see 'recording: rows' there"
        )


def _message(path: Path, line: int, text: dict[str, str], row: dict[str, Any], profile: Profile) -> Recorded:
    recording = profile.recording
    values = dict(recording.constants) if recording else {}
    columns = recording.columns if recording else {}
    for hole, column in columns.items():
        if column not in row:
            raise RecordingError(
                f"{path}:{line}: there is no column '{column}', which {profile.id} takes for {{{hole}}}"
            )
        values[hole] = text[column]
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


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str], dict[str, Any]]]:
    """Each row with its line: as the text that it is (names stay as they are), and as values."""
    name = path.name.removesuffix(".gz")
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else open(path, encoding="utf-8-sig") as file
        ):
            if name.endswith(".csv"):
                rows = csv.reader(file)
                columns = [name or f"column_{index}" for index, name in enumerate(next(rows, []), start=1)]
                for line, cells in enumerate(rows, start=2):
                    text = dict(zip(columns, cells, strict=False))
                    yield line, text, {column: _cell(cell) for column, cell in text.items()}
            elif name.endswith((".jsonl", ".ndjson")):
                for line, written in enumerate(file, start=1):
                    row = json.loads(written)
                    if not isinstance(row, dict):
                        raise RecordingError(f"{path}:{line}: not a JSON object")
                    yield line, {key: str(value) for key, value in row.items()}, row
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
