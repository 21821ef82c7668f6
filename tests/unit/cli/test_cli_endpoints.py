"""Where the command line finds a mesh."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicemesh_cli import endpoints
from voicemesh_cli.failures import CliError


@pytest.fixture(autouse=True)
def state_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith("VOICEMESH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def write_state(folder: Path, **services: str) -> None:
    state = {"pid": 1, "services": services, "nats_url": "", "state_dir": str(folder)}
    (folder / "mesh.json").write_text(json.dumps(state))


def test_the_option_counts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEMESH_DIALOGUE_TARGET", "there:1")
    assert endpoints.resolve_target("here:2") == "here:2"


def test_the_environment_counts_next_and_may_be_a_list(
    monkeypatch: pytest.MonkeyPatch, state_dir: Path, listening: str
) -> None:
    write_state(state_dir, dialogue=listening, asr=listening)
    monkeypatch.setenv("VOICEMESH_ASR_TARGET", "10.0.0.1:5@eu,10.0.0.2:5@us")
    assert endpoints.resolve_target(None, "asr") == "10.0.0.1:5"
    assert endpoints.resolve_target(None) == listening


def test_without_anything_the_error_says_what_to_do() -> None:
    with pytest.raises(CliError, match=r"make up.*VOICEMESH_CRM_TARGET"):
        endpoints.resolve_target(None, "crm")


def test_a_mesh_that_is_gone_is_not_taken_for_running(state_dir: Path, listening: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    write_state(state_dir, dialogue=f"127.0.0.1:{port}")
    with pytest.raises(CliError, match="is gone"):
        endpoints.resolve_target(None)


def test_a_mesh_without_the_service_is_said(state_dir: Path, listening: str) -> None:
    write_state(state_dir, dialogue=listening)
    with pytest.raises(CliError, match="no nlu service"):
        endpoints.resolve_target(None, "nlu")


@pytest.mark.parametrize("text", ["{", "[]", '{"services": {}}'])
def test_a_broken_state_file_is_named(state_dir: Path, text: str) -> None:
    (state_dir / "mesh.json").write_text(text)
    with pytest.raises(CliError, match="delete it"):
        endpoints.resolve_target(None)


def test_the_context_has_everything_a_request_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = endpoints.context(), endpoints.context(language="en-GB")
    assert (first.tenant_id, first.region, first.language) == ("default", "local", "en-US")
    assert first.correlation_id != second.correlation_id
    assert second.language == "en-GB"
    monkeypatch.setenv("VOICEMESH_TENANT", "acme")
    assert endpoints.context().tenant_id == "acme"
    assert endpoints.context(tenant="other").tenant_id == "other"
