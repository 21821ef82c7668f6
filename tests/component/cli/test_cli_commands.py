"""Every command: its --help has an example, its --json prints one document."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mesh.config import ServiceSettings
from voicemesh_cli.commands import doctor, up
from voicemesh_cli.health import Check, State
from voicemesh_cli.launcher import LaunchOptions
from voicemesh_cli.main import COMMANDS, build_app

RECORDINGS = Path(__file__).parents[3] / "examples" / "recordings"


def leaves(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all commands that do something: ("demo",), ("crm", "list"), ..."""
    below = getattr(command, "commands", None)
    if below is None:
        return [path]
    return [leaf for name, inner in below.items() for leaf in leaves(inner, (*path, name))]


ALL = leaves(typer.main.get_command(build_app()))
GROUPS = sorted({path[:-1] for path in ALL})


def takes_target(command: Any, path: tuple[str, ...]) -> bool:
    """Whether a command has the option --target."""
    for name in path:
        command = command.commands[name]
    return any("--target" in parameter.opts for parameter in command.params)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "voicemesh_cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_every_command_is_there() -> None:
    assert {path[0] for path in ALL} == set(COMMANDS)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example_and_the_json_option(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(build_app(), [*path, "--help"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert f"voicemesh {' '.join(path)}" in result.stdout.replace("Usage: voicemesh", "")
    assert "Example" in result.stdout
    assert "--json" in result.stdout


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(("voicemesh", *path)))
def test_help_of_a_group_has_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(build_app(), [*path, "--help"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    _, _, examples = result.stdout.partition("Example:")
    names = [tuple(line.split()[1 : len(path) + 2]) for line in examples.split("\n") if "voicemesh" in line]
    assert names
    assert set(names) <= {leaf[: len(path) + 1] for leaf in ALL}


@pytest.mark.parametrize("target", ["nonsense", "127.0.0.1", "127.0.0.1:", ":7411", "127.0.0.1:99999", "http://there"])
def test_what_is_no_address_is_refused(target: str) -> None:
    takers = [path for path in ALL if takes_target(typer.main.get_command(build_app()), path)]
    assert ("call",) in takers
    assert ("crm", "list") in takers
    for path in takers:
        result = CliRunner().invoke(build_app(), [*path, "--target", target], env={"COLUMNS": "160"})
        assert result.exit_code == 2
        assert "HOST:PORT" in result.stderr or "Missing" in result.stderr


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_wrong_usage_is_one_document_and_exit_code_2(path: tuple[str, ...]) -> None:
    result = run(*path, "--json", "--no-such-option")
    assert result.returncode == 2
    assert "no-such-option" in json.loads(result.stdout)["error"]["message"]


def test_an_unknown_command_is_refused() -> None:
    assert run("dance").returncode == 2
    assert json.loads(run("dance", "--json").stdout)["error"]["reason"] == "USAGE"


def test_version_is_the_distributions() -> None:
    assert run("--version").stdout.strip().count(".") == 2


@pytest.mark.parametrize("name", ["missing.wav", "text.wav", "empty.wav"])
def test_asr_refuses_what_is_no_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.wav").write_text("no audio at all")
    (tmp_path / "empty.wav").write_bytes((RECORDINGS / "clinic-booking.wav").read_bytes()[:44])
    result = run("asr", str(tmp_path / name), "--json")
    assert result.returncode == 2
    assert name in json.loads(result.stdout)["error"]["message"]


def test_asr_says_where_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = run("asr", str(RECORDINGS / "clinic-booking.wav"), "--target", f"127.0.0.1:{port}", "--json")
    assert result.returncode == 1
    assert "make up" in json.loads(result.stdout)["error"]["message"]


def up_with_fakes(monkeypatch: pytest.MonkeyPatch, fake_options: LaunchOptions) -> Path:
    """Make `up` start fake services; the state file it writes."""
    fakes = functools.partial(LaunchOptions, services=fake_options.services, env=fake_options.env)
    monkeypatch.setattr(up, "LaunchOptions", fakes)
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(fake_options.state_dir))
    return fake_options.state_dir / "mesh.json"


def test_up_runs_until_ctrl_c(monkeypatch: pytest.MonkeyPatch, fake_options: LaunchOptions) -> None:
    state_file = up_with_fakes(monkeypatch, fake_options)
    seen: list[dict[str, Any]] = []

    def press_ctrl_c() -> None:
        while not state_file.exists():
            time.sleep(0.02)
        seen.append(json.loads(state_file.read_text()))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    result = CliRunner().invoke(build_app(["up", "demo"]), ["up", "--port", "0", "--json"])
    thread.join()
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["services"] == seen[0]["services"] == dict.fromkeys(("asr", "nlu", "dialogue"), "127.0.0.1:1")
    assert Path(document["logs"]["asr"]).exists()
    assert not state_file.exists()


def test_up_ends_with_1_when_a_service_dies(monkeypatch: pytest.MonkeyPatch, fake_options: LaunchOptions) -> None:
    state_file = up_with_fakes(monkeypatch, fake_options)

    def kill_a_service() -> None:
        while not state_file.exists():
            time.sleep(0.02)
        os.kill(json.loads((fake_options.ready_file("nlu")).read_text())["pid"], signal.SIGKILL)

    thread = threading.Thread(target=kill_a_service)
    thread.start()
    result = CliRunner().invoke(build_app(["up", "demo"]), ["up", "--port", "0"])
    thread.join()
    assert result.exit_code == 1
    assert "nlu was killed by SIGKILL" in result.stderr
    assert not state_file.exists()


def test_up_waits_longer_than_calls_in_progress_get() -> None:
    assert ServiceSettings.model_fields["drain_s"].default < up.STOP_GRACE_S


def test_up_refuses_a_folder_it_can_not_make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path / "file" / "state"))
    result = CliRunner().invoke(build_app(["up", "demo"]), ["up", "--port", "0", "--json"])
    assert result.exit_code == 2
    assert "VOICEMESH_STATE_DIR" in json.loads(result.stdout)["error"]["message"]


def test_up_refuses_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, fake_options: LaunchOptions) -> None:
    up_with_fakes(monkeypatch, fake_options)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = CliRunner().invoke(build_app(["up", "demo"]), ["up", "--port", str(port), "--json"])
    assert result.exit_code == 2
    assert "--port" in json.loads(result.stdout)["error"]["message"]


def test_doctor_looks_whether_folders_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert doctor.folder("models", tmp_path / "not" / "there" / "yet", "VOICEMESH_CACHE_DIR").state is State.OK
    found = doctor.folder("models", tmp_path / "file" / "below", "VOICEMESH_CACHE_DIR")
    assert found.state is State.MISSING
    assert "VOICEMESH_CACHE_DIR" in found.remedy


@pytest.mark.parametrize(("state", "exit_code"), [(State.OK, 0), (State.OPTIONAL, 0), (State.MISSING, 1)])
def test_doctor_fails_only_for_what_the_demo_needs(
    monkeypatch: pytest.MonkeyPatch, state: State, exit_code: int
) -> None:
    async def found() -> list[Check]:
        return [Check("engine", "asr: x", state, "found so", "do this")]

    monkeypatch.setattr(doctor, "_checks", found)
    as_json = CliRunner().invoke(build_app(["doctor", "demo"]), ["doctor", "--json"])
    assert as_json.exit_code == exit_code
    document = json.loads(as_json.stdout)
    assert document["ok"] is (exit_code == 0)
    assert document["checks"][0]["remedy"] == "do this"
    as_text = CliRunner().invoke(build_app(["doctor", "demo"]), ["doctor"])
    assert "do this" in as_text.stdout
