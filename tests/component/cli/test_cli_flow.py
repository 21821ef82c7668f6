"""`voicemesh flow`: the bundled domains' dialogues with real understanding, checks, drawings and a talk by lines."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from voicemesh_cli.main import build_app

BROKEN = Path(__file__).parents[2] / "unit" / "dialogue_flow" / "broken"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("VOICEMESH_NLU_TARGET", raising=False)
    monkeypatch.delenv("VOICEMESH_DOMAINS_DIR", raising=False)


def voicemesh(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(["flow", "asr"]), ["flow", *arguments])


def test_all_dialogues_go_as_written_when_their_words_are_understood() -> None:
    result = voicemesh("test", "--json")
    document = json.loads(result.stdout)
    failed = ["\n".join((each["name"], *each["diff"])) for each in document["dialogues"] if not each["passed"]]
    assert not failed, "\n\n".join(failed)
    assert {(each["domain"], each["language"]) for each in document["dialogues"]} == {
        (domain, language) for domain in ("clinic", "shop") for language in ("en", "es")
    }
    assert document["passed"] >= 60
    assert document["understanding"] == "service"
    assert result.exit_code == 0, result.stderr


def test_a_dialogue_that_goes_otherwise_is_shown_line_by_line(tmp_path: Path) -> None:
    bundled = Path("voicemesh_domains/clinic/en/flow.yaml").read_text("utf-8")
    folder = tmp_path / "clinic" / "en"
    (folder / "dialogues").mkdir(parents=True)
    (folder / "flow.yaml").write_text(bundled)
    script = folder / "dialogues" / "one.txt"
    script.write_text(
        "# hangs up\n< Bright Smile Dental. How can I help?\n> goodbye | Bye.\n< See you.\n= no_action\n", "utf-8"
    )
    result = voicemesh("test", str(script), "--annotated")
    assert result.exit_code == 1
    assert f"{script}:1 hangs up" in result.stdout.replace("\n", "")
    assert "-< See you." in result.stdout
    assert "+< Goodbye." in result.stdout
    assert "0 of 1 dialogues go as written" in result.stdout
    updated = voicemesh("test", str(script), "--annotated", "--update", "--json")
    assert updated.exit_code == 0
    assert json.loads(updated.stdout)["updated"] is True
    assert "< Goodbye." in script.read_text("utf-8")


def test_words_without_a_meaning_need_the_service(tmp_path: Path) -> None:
    bundled = Path("voicemesh_domains/clinic/en/flow.yaml").read_text("utf-8")
    folder = tmp_path / "clinic" / "en"
    (folder / "dialogues").mkdir(parents=True)
    (folder / "flow.yaml").write_text(bundled)
    script = folder / "dialogues" / "one.txt"
    script.write_text("# hangs up\n> Bye.\n", "utf-8")
    result = voicemesh("test", str(script), "--annotated", "--json")
    assert result.exit_code == 2
    message = json.loads(result.stdout)["error"]["message"]
    assert f"{script}:2: the meaning of 'Bye.' is not noted down" in message


def test_a_broken_flow_is_named_by_file_line_and_remedy() -> None:
    result = voicemesh("check", str(BROKEN / "slot_unknown.yaml"), "clinic", "--json")
    assert result.exit_code == 1
    bad, *good = json.loads(result.stdout)["files"]
    (error,) = bad["errors"]
    assert error["file"] == str(BROKEN / "slot_unknown.yaml")
    assert error["line"] == 57
    assert "Did you mean 'remark'?" in error["remedy"]
    assert good
    assert all("errors" not in file for file in good)
    shown = voicemesh("check", str(BROKEN / "slot_unknown.yaml"))
    assert shown.exit_code == 1
    assert "slot_unknown.yaml:57: unknown slot 'remarks'" in shown.stdout.replace("\n", "")


def test_every_mistake_of_a_flow_is_shown() -> None:
    shown = voicemesh("check", str(BROKEN.parent / "several" / "meaning.yaml"))
    assert shown.exit_code == 1
    words = shown.stdout.replace("\n", "")
    assert "meaning.yaml:31: slots.item.prompt fails: 'day' is undefined" in words
    assert "meaning.yaml:65: unknown flow 'pay'" in words


def test_a_broken_domain_is_named_by_file_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree("voicemesh_domains/shop", folder)
    shutil.copytree("voicemesh_domains/common", tmp_path / "common")
    domain = folder / "domain.yaml"
    domain.write_text(domain.read_text("utf-8").replace("currency: USD", "currency: dollars"), "utf-8")
    line = domain.read_text("utf-8").split("currency:")[0].count("\n") + 1
    result = voicemesh("check", str(folder), "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert all("errors" not in file for file in document["files"])
    assert document["domains"][0]["error"].startswith(f"{domain}:{line}: currency: ")


def test_a_drawing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "clinic.svg"
    result = voicemesh("graph", "clinic", "--out", str(file), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["file"] == str(file)
    root = ET.parse(file).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "clinic (en)" in "".join(root.itertext())


def test_a_talk_by_lines_to_a_domain_of_ones_own(tmp_path: Path) -> None:
    shutil.copytree("voicemesh_domains", tmp_path / "own", ignore=shutil.ignore_patterns("shop", "__pycache__"))
    domain = tmp_path / "own" / "clinic"
    flow = domain / "en" / "flow.yaml"
    flow.write_text(flow.read_text("utf-8").replace("greeting: Bright Smile Dental.", "greeting: Own Dental."), "utf-8")
    said = (
        "I'd like to book a cleaning.\n/slots\n/step\n/keys 9\n/silence\nTuesday at ten in the morning.\nYes.\n/quit\n"
    )
    command = [sys.executable, "-m", "voicemesh_cli", "flow", "chat", str(domain), "--call", 'contact="Ann Lee"']
    told = subprocess.run([*command, "--json"], input=said, capture_output=True, text=True, check=True)
    document = json.loads(told.stdout)
    assert document["slots"] | {"service": "cleaning", "day": "2026-11-24", "time": "10:00"} == document["slots"]
    assert [turn["caller"] for turn in document["turns"]][1:3] == ["/keys 9", "/silence"]
    assert document["turns"][-1]["outcomes"][0]["event"] == "AppointmentRequested"
    assert document["disposition"] == "appointment_booked"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "no_such_domain"), "clinic, shop"),
        (("graph", "clinic", "--language", "tlh"), "no flow in 'tlh'; there are: en"),
        (("test", str(Path(__file__)), "--annotated"), "lies in no folder 'dialogues'"),
    ],
)
def test_what_is_not_there_is_an_error_with_advice(arguments: tuple[str, ...], message: str) -> None:
    result = voicemesh(*arguments, "--json")
    assert result.exit_code == 2
    assert message in json.loads(result.stdout)["error"]["message"]
