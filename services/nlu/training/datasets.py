"""The public data sets that intents are measured on: CLINC150's JSON and Banking77's CSV, as published.

CLINC150 (Larson et al. 2019): an object of parts, each a list of [text, intent]; parts whose name has "oos" and rows of
the intent "oos" are out of scope. Banking77 (Casanueva et al. 2020): a table with the columns text and category.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Role = Literal["train", "val", "test"]

_ROLES: tuple[tuple[str, Role], ...] = (
    ("test", "test"), ("eval", "test"), ("train", "train"), ("val", "val"), ("dev", "val"),
)  # fmt: skip
_OUTSIDE_PARTS = ("oos", "out_of_scope", "out-of-scope", "ood")
_OUTSIDE_LABELS = frozenset({"oos", "out_of_scope", "out-of-scope", "ood"})
_TEXT_COLUMNS = ("text", "utterance", "sentence", "query")
_LABEL_COLUMNS = ("category", "intent", "label_text", "label")
_TOO_MANY_SEEN = 0.5


class DatasetError(Exception):
    """A file is no data set; the sentence names it and says what is expected."""


@dataclass(frozen=True, slots=True)
class Row:
    """An example. `label` is None where it is out of scope; `part` is the name of its part in the file."""

    text: str
    label: str | None
    role: Role
    part: str


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on and what is tested on.

    Attributes:
        name: "clinc150", "banking77", or the training file's name where it has neither's form.
        train: rows to train on; those of the role "val" are the validation part.
        test: rows that nothing but the final figures sees.
        seen: how many of the test's texts stand in the training file too.
    """

    name: str
    train: tuple[Row, ...]
    test: tuple[Row, ...]
    seen: int


def read_split(train: Path, test: Path) -> Split:
    """Read a training and a test file.

    Of the training file, parts named as a test are left out. Of the test file, the parts named as a test count, and
    those whose name says nothing of use, such as "oos"; where it has no part named as a test, all of it does.

    Raises:
        DatasetError: when one of them is no data set, or both do not belong together.
    """
    name, rows = _read(train)
    learnt = tuple(row for row in rows if row.role != "test")
    judged_rows = _read(test)[1]
    judged = tuple(row for row in judged_rows if row.role == "test" or not _named_for_use(row.part))
    if not any(row.role == "test" for row in judged_rows):
        judged = tuple(judged_rows)
    _check_training(train, learnt)
    known = {row.label for row in learnt}
    strange = sorted({row.label for row in judged if row.label is not None} - {label for label in known if label})
    if strange:
        raise DatasetError(
            f"{test}: the intent {strange[0]!r} is in no training example of {train}; use files that match"
        )
    texts = {row.text for row in learnt}
    seen = sum(row.text in texts for row in judged)
    if seen > _TOO_MANY_SEEN * len(judged):
        raise DatasetError(
            f"{test}: {seen} of its {len(judged)} texts stand in {train} too; test on texts of their own"
        )
    return Split(name, learnt, judged, seen)


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read one file: all of its rows.

    Raises:
        DatasetError: when it is no data set.
    """
    return tuple(_read(path)[1])


def threshold_from(rows: Sequence[Row]) -> str:
    """Say which rows of a training file the operating point was chosen on."""
    parts = {(row.label is None, row.role == "val") for row in rows}
    if not {(True, False), (True, True)} & parts:
        return "nowhere: the training file has nothing out of scope, so everything is kept"
    inside, outside = (False, True) in parts, (True, True) in parts
    if inside != outside:
        there, elsewhere = ("in scope", "out of scope")[:: 1 if inside else -1]
        return f"{there} the validation part, {elsewhere} cross-validation of the training file"
    return "the validation part" if inside else "cross-validation of the training file"


def _check_training(path: Path, rows: Sequence[Row]) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        if row.label is not None:
            counts[row.label] = counts.get(row.label, 0) + 1
    if len(counts) < 2:
        raise DatasetError(f"{path}: has {len(counts)} intents to train on; there must be two or more")
    rare = [label for label, count in counts.items() if count < 2]
    if rare:
        raise DatasetError(f"{path}: the intent {rare[0]!r} has one example; there must be two or more of each")


def _read(path: Path) -> tuple[str, list[Row]]:
    try:
        content = path.read_text("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); name a file that is there") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start})") from error
    if not content.strip():
        raise DatasetError(f"{path}: is empty; CLINC150's JSON or Banking77's CSV is expected")
    is_json = content.lstrip()[0] in "{["
    rows = list(_json_rows(path, content) if is_json else _csv_rows(path, content))
    if not rows:
        raise DatasetError(f"{path}: has no examples")
    return ("clinc150" if is_json else "banking77"), rows


def _json_rows(path: Path, content: str) -> Iterable[Row]:
    try:
        parts = json.loads(content)
    except ValueError as error:
        raise DatasetError(f"{path}: is no JSON ({error})") from error
    if not isinstance(parts, Mapping):
        raise DatasetError(f'{path}: is no object of parts, such as {{"train": [["a text", "an intent"]]}}')
    for part, rows in parts.items():
        if not isinstance(rows, list):
            raise DatasetError(f"{path}: the part {part!r} is no list of [text, intent]")
        outside = any(mark in part.lower() for mark in _OUTSIDE_PARTS)
        for number, row in enumerate(rows):
            yield _row(path, part, number, row, outside=outside)


def _row(path: Path, part: str, number: int, row: Any, *, outside: bool) -> Row:
    if not (
        isinstance(row, list) and len(row) == 2 and all(isinstance(value, str) for value in row) and row[0].strip()
    ):
        raise DatasetError(f"{path}: row {number} of the part {part!r} is no [text, intent]")
    text, label = row
    return Row(text, None if outside or label.lower() in _OUTSIDE_LABELS else label, _role(part), part)


def _named_for_use(part: str) -> bool:
    """Whether a part's name says what it is for."""
    return any(mark in part.lower() for mark, _ in _ROLES)


def _role(part: str) -> Role:
    """Return what a part is for by its name; one of another name is trained on."""
    lowered = part.lower()
    return next((role for mark, role in _ROLES if mark in lowered), "train")


def _csv_rows(path: Path, content: str) -> Iterable[Row]:
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    try:
        names = {name.strip().lower(): name for name in reader.fieldnames or ()}
        text_name = next((names[name] for name in _TEXT_COLUMNS if name in names), None)
        label_name = next((names[name] for name in _LABEL_COLUMNS if name in names), None)
        if text_name is None or label_name is None:
            raise DatasetError(f"{path}: its first line names no columns text and category")
        for row in reader:
            text, label = (row[text_name] or "").strip(), (row[label_name] or "").strip()
            if not text or not label:
                raise DatasetError(f"{path}:{reader.line_num}: has no text or no category")
            outside = label.lower() in _OUTSIDE_LABELS
            yield Row(text, None if outside else label, "train", "rows")
    except csv.Error as error:
        raise DatasetError(f"{path}:{reader.line_num}: is no CSV ({error})") from error
