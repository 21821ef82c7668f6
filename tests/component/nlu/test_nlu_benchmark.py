"""`voicemesh nlu benchmark` on a few intents of the public data sets, cut so that it takes seconds."""

import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.nlu.training.__main__ import main
from voicemesh_cli.main import build_app

_DATA = Path(os.environ.get("VOICEMESH_TEST_DATA", "/nowhere")) / "data"
CLINC, BANKING = _DATA / "clinc150_train_val.json", _DATA / "banking77_train.csv"
INTENTS = 8
EXAMPLES = 20

needs_clinc = pytest.mark.skipif(not CLINC.is_file(), reason="CLINC150 is not in $VOICEMESH_TEST_DATA/data")
needs_banking = pytest.mark.skipif(not BANKING.is_file(), reason="Banking77 is not in $VOICEMESH_TEST_DATA/data")


@pytest.fixture(autouse=True)
def _cached_encoder(monkeypatch: pytest.MonkeyPatch, cache_dir: Path) -> None:
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))


def benchmark(train: Path, test: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["benchmark", "--train", str(train), "--test", str(test)]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def cut(rows: list[list[str]], names: set[str], most: int) -> list[list[str]]:
    kept: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        if row[1] in names and len(kept[row[1]]) < most:
            kept[row[1]].append(row)
    return [row for part in kept.values() for row in part]


@needs_clinc
def test_clinc_is_measured_with_its_out_of_scope_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = json.loads(CLINC.read_text("utf-8"))
    names = set(sorted({label for _, label in parts["train"]})[:INTENTS])
    train, test = tmp_path / "train.json", tmp_path / "test.json"
    seen = {
        "train": cut(parts["train"], names, EXAMPLES),
        "val": cut(parts["val"], names, 5),
        "oos_train": parts["oos_train"],
    }
    train.write_text(json.dumps(seen))
    test.write_text(json.dumps({"val": cut(parts["val"], names, 20)[5:], "oos_val": parts["oos_val"]}))
    found = benchmark(train, test, capsys)
    assert found["dataset"] == "clinc150"
    assert found["accuracy_without_threshold"] >= 0.95
    assert found["in_scope_accuracy"] >= 0.9
    assert found["oos_recall"] >= 0.6
    assert 0 <= found["ece"] <= 0.1
    assert found["threshold_from"].startswith("in scope the validation part, out of scope cross-validation")
    assert found["counts"]["train"] == INTENTS * (EXAMPLES + 5)
    assert found["counts"]["test_oos"] == len(parts["oos_val"])
    assert {"train_s", "p50_ms", "p99_ms", "threshold"} <= set(found)


@needs_banking
def test_banking_is_measured_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with BANKING.open(encoding="utf-8", newline="") as file:
        rows = [[row["text"], row["category"]] for row in csv.DictReader(file)]
    names = set(sorted({label for _, label in rows})[:INTENTS])
    chosen = cut(rows, names, EXAMPLES + 10)
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    places = [place % (EXAMPLES + 10) < EXAMPLES for place in range(len(chosen))]
    for path, wanted in ((train, True), (test, False)):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows(row for row, seen in zip(chosen, places, strict=True) if seen is wanted)
    found = benchmark(train, test, capsys)
    assert found["dataset"] == "banking77"
    assert found["in_scope_accuracy"] == found["accuracy_without_threshold"] >= 0.85
    assert found["oos_recall"] is None
    assert found["threshold"] is None
    assert found["counts"]["test_seen_in_training"] == 0


def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"train": [["only a text"]]}')
    arguments = ["nlu", "benchmark", "--train", str(bad), "--test", str(bad), "--json"]
    result = CliRunner().invoke(build_app(["nlu"]), arguments)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["message"] == f"{bad}: row 0 of the part 'train' is no [text, intent]"
