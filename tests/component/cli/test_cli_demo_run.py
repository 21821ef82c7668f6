"""The demo as a person runs it: every process, every step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile


@pytest.mark.slow
def test_the_demo_works_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voicemesh_cli", "demo", "--json", "--out", str(tmp_path / "out")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOICEMESH_")}
    if "VOICEMESH_CACHE_DIR" in os.environ:
        environment["VOICEMESH_CACHE_DIR"] = os.environ["VOICEMESH_CACHE_DIR"]
    environment["TMPDIR"] = str(tmp_path)
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    document = json.loads(ran.stdout)
    assert [step for step in document.get("steps", [document]) if not step.get("ok")] == []
    assert ran.returncode == 0
    assert document["call"]["turns"][0]["intent"] == "book_appointment"
    assert document["trace"]["connected"]
    both, _ = soundfile.read(document["call"]["files"]["call"])
    assert both.shape[1] == 2
    assert abs(both).max(axis=0).min() > 0.01, "both sides are heard"
    assert list(tmp_path.glob("voicemesh*")) == [], "the temporary folder is gone"


def test_an_unknown_domain_is_refused() -> None:
    command = [sys.executable, "-m", "voicemesh_cli", "demo", "--domain", "circus", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "clinic or shop" in json.loads(ran.stdout)["error"]["message"]
