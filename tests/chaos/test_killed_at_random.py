"""A short run of `make chaos`: processes are killed at random, and each call leaves one outcome everywhere."""

import io
from pathlib import Path

from chaos.__main__ import run
from rich.console import Console


async def test_each_call_leaves_one_outcome_everywhere(tmp_path: Path) -> None:
    verdict, kills = await run(10, {}, tmp_path, Console(file=io.StringIO()), between_kills_s=(0.05, 0.4))
    assert (verdict.lost, verdict.duplicated) == ([], [])
    assert verdict.outcomes >= 20
    assert kills.total()
