"""`voicemesh nlu` with a real understanding service that it starts itself."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from voicemesh_cli.main import build_app


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache_dir: Path) -> None:
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))
    monkeypatch.delenv("VOICEMESH_NLU_TARGET", raising=False)


def voicemesh(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(["nlu", "asr"]), ["nlu", *arguments])


@pytest.mark.usefixtures("alone")
def test_a_sentence_is_parsed_to_one_document() -> None:
    text = "No, I said Thursday."
    moment = ["--at", "2026-11-20T14:00:00", "--entity", "date", "--intent", "deny"]
    result = voicemesh("parse", text, "--domain", "clinic", *moment, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["intents"][0]["name"] == "correct"
    (date,) = document["entities"]
    assert (date["type"], date["value"], date["raw"]) == ("date", "2026-11-26", "Thursday")
    assert text[date["start_char"] : date["end_char"]] == "Thursday"
    assert document["further_intents"] == []
    assert document["compute_ms"] > 0


@pytest.mark.usefixtures("alone")
def test_a_person_reads_the_meaning() -> None:
    result = voicemesh("parse", "where is order A4512 and when do you open", "--domain", "shop")
    assert result.exit_code == 0, result.stderr
    assert "order_status" in result.stdout
    assert "A4512" in result.stdout
    assert any(line.startswith("and ") and "opening_hours" in line for line in result.stdout.splitlines())


@pytest.mark.usefixtures("alone")
def test_domains_are_listed() -> None:
    result = voicemesh("domains", "--json")
    assert result.exit_code == 0, result.stderr
    assert [domain["name"] for domain in json.loads(result.stdout)["domains"]] == ["clinic", "shop"]


@pytest.mark.usefixtures("alone")
def test_an_unknown_domain_is_an_error_with_advice() -> None:
    result = voicemesh("parse", "hello", "--domain", "bakery", "--json")
    assert result.exit_code != 0
    error = json.loads(result.stdout)["error"]
    assert "clinic, shop" in error["message"]
