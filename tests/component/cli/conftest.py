"""Tiny fake services: the launcher is tested without the real ones."""

from pathlib import Path

import pytest

from voicemesh_cli.launcher import LaunchOptions, ServiceSpec

FAKE_SERVICE = '''
"""Says that it is ready, then waits; misbehaves as FAKE_MODE wants."""
import json, os, pathlib, signal, sys, threading

mode = os.environ.get("FAKE_MODE", "")
pathlib.Path(os.environ["VOICEMESH_READY_FILE"]).with_suffix(".pid").write_text(str(os.getpid()))
if mode == "dies":
    print("no such model: tiny")
    sys.exit(3)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode != "never_ready":
    targets = {name: value for name, value in os.environ.items() if name.startswith("VOICEMESH_")}
    ready = {"service": "fake", "pid": os.getpid(), "address": "127.0.0.1:1", "targets": targets}
    part = pathlib.Path(os.environ["VOICEMESH_READY_FILE"] + ".part")
    part.write_text(json.dumps(ready))
    part.rename(os.environ["VOICEMESH_READY_FILE"])
if mode == "dies_later":
    pathlib.Path(os.environ["FAKE_DEATH"]).open().read()  # a named pipe: blocks until the test writes
    sys.exit(4)
threading.Event().wait()
'''


@pytest.fixture
def fake_options(tmp_path: Path) -> LaunchOptions:
    """A mesh of three fake services: two side by side and a dialogue behind them; no broker."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "fake_service.py").write_text(FAKE_SERVICE)
    return LaunchOptions(
        state_dir=tmp_path / "state",
        services=(
            ServiceSpec("asr", "fake_service", "VOICEMESH_ASR_TARGET"),
            ServiceSpec("nlu", "fake_service", "VOICEMESH_NLU_TARGET"),
            ServiceSpec("dialogue", "fake_service", after_others=True),
        ),
        with_broker=False,
        env={"PYTHONPATH": str(modules)},
    )
