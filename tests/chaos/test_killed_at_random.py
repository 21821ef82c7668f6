"""A short run of `make chaos`: one process after the other is killed, and each call leaves one outcome everywhere."""

import io
from pathlib import Path

from chaos.__main__ import run
from chaos.house import KILLED
from rich.console import Console


async def test_each_call_leaves_one_outcome_everywhere(tmp_path: Path) -> None:
    calls = len(KILLED)
    console = Console(file=io.StringIO())
    verdict, kills = await run(calls, {}, tmp_path, console, between_kills_s=None, at_once=2, quiet_s=0)
    assert (verdict.lost, verdict.duplicated) == ([], [])
    assert verdict.outcomes >= 2 * calls
    assert kills == dict.fromkeys(KILLED, 1)
