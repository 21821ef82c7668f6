"""`voicemesh nlu benchmark` on small files of the test's own, in the forms of the two public data sets."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.nlu.training.__main__ import main as run_tool
from voicemesh_cli.main import build_app

SAID = {
    "balance": ("how much money do I have in {}", "what is the balance of {}", "tell me what is left in {}"),
    "transfer": ("send fifty dollars from {}", "move some money out of {}", "transfer two hundred from {}"),
    "close": ("I want to close {}", "please shut down {}", "cancel {} for good"),
}
ACCOUNTS = ("my savings", "my account", "the joint account", "my checking account", "our business account",
            "the old account", "my pension fund", "the blue account")  # fmt: skip
OUTSIDE = (
    "who won the football match", "is it going to rain tomorrow", "tell me a joke", "how do planes fly",
    "what is the capital of France", "play some jazz", "my cat is up a tree", "how long do I boil an egg",
    "who wrote Hamlet", "what time is it in Tokyo", "sing me a song", "how tall is the Eiffel tower",
    "translate good morning", "set an alarm for seven", "what should I wear today", "find me a good film",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _cached_encoder(monkeypatch: pytest.MonkeyPatch, cache_dir: Path) -> None:
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))


def rows(accounts: Sequence[str]) -> list[list[str]]:
    return [[form.format(account), name] for name, forms in SAID.items() for form in forms for account in accounts]


def outside(begin: int, end: int) -> list[list[str]]:
    return [[text, "oos"] for text in OUTSIDE[begin:end]]


def as_json(path: Path, parts: dict[str, list[list[str]]]) -> Path:
    path.write_text(json.dumps(parts))
    return path


def as_csv(path: Path, table: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "category"], *table])
    return path


def benchmark(train: Path, test: Path) -> dict[str, Any]:
    result = CliRunner().invoke(
        build_app(["nlu"]), ["nlu", "benchmark", "--train", str(train), "--test", str(test), "--json"]
    )
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_file_of_parts_is_measured_at_the_point_its_validation_part_gives(tmp_path: Path) -> None:
    whole = {
        "train": rows(ACCOUNTS[:4]), "val": rows(ACCOUNTS[4:6]), "test": rows(ACCOUNTS[6:]),
        "oos_train": outside(0, 6), "oos_val": outside(6, 11), "oos_test": outside(11, 16),
    }  # fmt: skip
    path = as_json(tmp_path / "data.json", whole)
    found = benchmark(path, path)
    assert found["dataset"] == "clinc150"
    assert found["counts"] == {
        "train": 54, "train_oos": 11, "test": 18, "test_oos": 5, "test_seen_in_training": 0, "intents": 3,
    }  # fmt: skip
    assert found["accuracy_without_threshold"] >= 0.8
    assert found["in_scope_accuracy"] <= min(found["accuracy_without_threshold"], found["in_scope_kept"])
    assert 0 <= found["oos_recall"] <= 1
    assert 0 <= found["ece"] <= 1
    assert isinstance(found["threshold"], float)
    assert found["threshold_from"] == "the validation part"
    assert min(found["p50_ms"], found["train_s"]) > 0
    assert found["p99_ms"] >= found["p50_ms"]


def test_a_table_is_measured_without_a_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = as_csv(tmp_path / "train.csv", rows(ACCOUNTS[:4])), as_csv(tmp_path / "test.csv", rows(ACCOUNTS[6:]))
    assert run_tool(["benchmark", "--train", str(train), "--test", str(test)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dataset"] == "banking77"
    assert found["in_scope_accuracy"] == found["accuracy_without_threshold"] >= 0.8
    assert (found["oos_recall"], found["threshold"], found["in_scope_kept"]) == (None, None, 1.0)
    assert found["threshold_from"].startswith("nowhere")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; CLINC150's JSON or Banking77's CSV is expected"),
        (json.dumps(rows(ACCOUNTS[:2])), "is no object of parts"),
        (json.dumps({"test": rows(ACCOUNTS[:2])}), "has 0 intents to train on"),
        (
            json.dumps({"train": [{"text": "hello", "intent": "greet"}]}),
            "row 0 of the part 'train' is no [text, intent]",
        ),
        ("utterance;intent\nhello;greet\n", "its first line names no columns text and category"),
        ("question,answer\nhello,hi\n", "its first line names no columns text and category"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, test = tmp_path / "bad", as_csv(tmp_path / "test.csv", rows(ACCOUNTS[:1]))
    bad.write_text(content)
    assert run_tool(["benchmark", "--train", str(bad), "--test", str(test)]) == 2
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert message.startswith(f"{bad}: ")
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, nowhere = as_csv(tmp_path / "here.csv", rows(ACCOUNTS[:2])), tmp_path / "nowhere.csv"
    assert run_tool(["benchmark", "--train", str(nowhere), "--test", str(here)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"].startswith(f"{nowhere}: cannot be read")
