"""`voicemesh models` as a person and a script see it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from component.models.model_server import Hub, model_hub
from typer.testing import CliRunner

from voicemesh_cli.commands import models

WEIGHTS = b"weights" * 1000


@pytest.fixture
def hub() -> Iterator[Hub]:
    with model_hub() as running:
        running.files = {"/own/model.bin": WEIGHTS, "/own/notes.txt": b"notes"}
        yield running


@pytest.fixture
def run(hub: Hub, tmp_path: Path) -> object:
    manifest = tmp_path / "own.toml"
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    manifest.write_text(
        f'[[model]]\nid="own/tiny"\ntitle="Ours"\nlicence="ours"\nsource="{hub.url}/own/"\nfolder="own"\n'
        f'[[model.file]]\nname="model.bin"\nsize={len(WEIGHTS)}\nsha256="{digest}"\n[[model.file]]\nname="notes.txt"\n'
    )
    app = typer.Typer()
    models.register(app)
    env = {
        "VOICEMESH_MODELS_MANIFEST": str(manifest),
        "VOICEMESH_CACHE_DIR": str(tmp_path / "cache"),
        "VOICEMESH_MODELS_URL": "",
        "COLUMNS": "200",
    }
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, ["models", *arguments], env=env)


def test_list_pull_and_verify(run, tmp_path: Path) -> None:
    before = json.loads(run("list", "--json").stdout)
    assert [m["present"] for m in before["models"] if m["id"] == "own/tiny"] == [False]

    pulled = run("pull", "own/tiny", "--json")
    assert pulled.exit_code == 0, pulled.output
    (document,) = json.loads(pulled.stdout)["models"]
    assert document["path"] == str(tmp_path / "cache" / "own")
    assert [file["state"] for file in document["files"]] == ["verified", "recorded"]

    after = json.loads(run("list", "--json").stdout)
    assert [m["present"] for m in after["models"] if m["id"] == "own/tiny"] == [True]

    verified = json.loads(run("verify", "--json").stdout)
    assert verified["good"] is True
    assert [model["id"] for model in verified["models"]] == ["own/tiny"]


def test_a_person_is_told_of_trust_and_licence(run) -> None:
    told = run("pull", "own/tiny").output
    assert "Licence: ours" in told
    assert "model.bin 7.0 kB verified" in told
    assert "notes.txt 5 bytes trusted: its sum is not in the manifest" in told
    again = run("pull", "own/tiny").output
    assert "verified, was here already" in again


def test_verify_finds_what_changed_and_exits_with_1(run, tmp_path: Path) -> None:
    run("pull", "own/tiny")
    (tmp_path / "cache/own/notes.txt").write_bytes(b"other")
    result = run("verify")
    assert result.exit_code == 1
    assert "own/notes.txt  changed: wrong sha256" in result.output
    assert "voicemesh models pull own/tiny" in result.output
    document = json.loads(run("verify", "own/tiny", "--json").stdout)
    assert document["good"] is False
    assert document["models"][0]["files"][1] == {"name": "notes.txt", "state": "wrong_sum"}


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_id_is_the_users_error(run, command: str) -> None:
    result = run(command, "own/huge", "--json")
    assert result.exit_code == 2
    assert "own/tiny" in json.loads(result.stdout)["error"]["message"]


def test_what_cannot_be_fetched_is_one_sentence(run, hub: Hub) -> None:
    hub.status["/own/model.bin"] = 404
    result = run("pull", "own/tiny", "--json")
    assert result.exit_code == 1
    assert "there is no such file" in json.loads(result.stdout)["error"]["message"]


@pytest.mark.parametrize("command", ["list", "pull", "verify"])
def test_help_has_an_example(run, command: str) -> None:
    assert "Example:" in run(command, "--help").output


def test_services_do_not_load_httpx() -> None:
    code = "import sys, mesh.models; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
