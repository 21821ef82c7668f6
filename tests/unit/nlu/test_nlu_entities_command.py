"""`voicemesh nlu entities` and the service's module behind it."""

import io
import json
import subprocess
import sys

import pytest

from services.nlu.entities.__main__ import main

MOMENT = "--reference=2026-11-20T09:00:00-05:00"


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, *arguments: str
) -> tuple[int, dict[str, object]]:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    code = main(arguments)
    return code, json.loads(capsys.readouterr().out)


def test_a_sentence_a_line_is_read_and_answered_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(monkeypatch, capsys, " on tuesday \n\nhello\n", MOMENT)
    assert code == 0
    first, empty, last = document["sentences"]  # type: ignore[misc]
    (date,) = first["entities"]
    assert (date["type"], date["value"], date["raw"]) == ("date", "2026-11-24", "tuesday")
    assert first["text"][date["start_char"] : date["end_char"]] == "tuesday"
    assert (empty, last["entities"]) == ({"text": "", "entities": []}, [])


def test_no_sentence_is_fine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, capsys, "", MOMENT) == (0, {"sentences": []})


@pytest.mark.parametrize(
    ("said", "arguments", "found"),
    [
        ("order number 7 3 3 1 on tuesday", ["--domain=shop", "--types=order_number"], [("order_number", "7331")]),
        ("the headphones", ["--domain=shop"], [("product", "headphones")]),
        ("fifty", ["--expect=money", "--types=money", "--language=en-GB"], [("money", "50.00 GBP")]),
        ("oh two oh seven nine four six oh nine five eight", ["--language=en-GB"], [("phone", "+442079460958")]),
        ("it's jane", ["--types=person_name"], [("person_name", "Jane")]),
    ],
)
def test_domain_types_and_region_count(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
    arguments: list[str],
    found: list[tuple[str, str]],
) -> None:
    _, document = run(monkeypatch, capsys, said, MOMENT, *arguments)
    (sentence,) = document["sentences"]  # type: ignore[misc]
    assert [(each["type"], each["value"]) for each in sentence["entities"]] == found


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("--reference=tomorrow", "ISO 8601"),
        ("--reference=2026-11-20T09:00:00", "offset"),
        ("--reference=9999-11-20T09:00:00Z", "use a year"),
        ("--language=tlh", "use one of en"),
        ("--domain=bakery", "clinic, shop"),
        ("--types=colour", "use some of date"),
    ],
)
def test_a_wrong_argument_is_one_sentence_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argument: str, advice: str
) -> None:
    code, document = run(monkeypatch, capsys, "on tuesday", argument)
    assert code == 2
    message = document["error"]["message"]  # type: ignore[index]
    assert advice in message
    assert "\n" not in message


def test_the_command_prints_one_json_list() -> None:
    command = [sys.executable, "-m", "voicemesh_cli", "nlu", "entities", "--reference", MOMENT.partition("=")[2]]
    done = subprocess.run([*command, "--json"], input="on tuesday\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (sentence,) = json.loads(done.stdout)
    assert [each["value"] for each in sentence["entities"]] == ["2026-11-24"]
    assert sorted(sentence["entities"][0]) == sorted(
        ["type", "value", "raw", "start_char", "end_char", "confidence", "alternatives"]
    )
