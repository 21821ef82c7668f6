"""`python -m chaos`: place calls while processes are killed, and count what is left of them."""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fakes.databases import new_database
from fakes.postgres_server import postgres_server
from rich.console import Console
from rich.progress import Progress

from chaos.calls import Call, place
from chaos.house import House
from chaos.judge import Verdict, judge

RESULTS = Path(__file__).resolve().parent.parent / "results"
AT_ONCE = 12
PER_S = 4.0
BETWEEN_KILLS_S = (0.5, 2.5)
PATIENCE_S = 180.0


async def run(
    calls: int,
    databases: dict[str, str],
    folder: Path,
    console: Console,
    *,
    between_kills_s: tuple[float, float] | None = BETWEEN_KILLS_S,
    at_once: int = AT_ONCE,
) -> tuple[Verdict, Counter[str]]:
    """Place so many calls on one kind of database; return the verdict and who was killed how often.

    Args:
        between_kills_s: the shortest and the longest time between two kills at random; None: with each call that ended
            the next process is killed, so that it is certain which ones are.
    """
    placed: list[Call] = []
    signs: asyncio.Queue[None] = asyncio.Queue(calls)
    places = asyncio.Semaphore(at_once)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("calls", total=calls)
        async with House(folder, databases).open() as house:

            async def one(number: int) -> None:
                async with places:
                    placed.extend(await place(number, house.dialogues))
                signs.put_nowait(None)
                progress.advance(bar)

            async with asyncio.TaskGroup() as tasks:
                killers = (
                    house.kill_in_turn(signs) if between_kills_s is None else house.kill_now_and_then(between_kills_s)
                )
                killing = tasks.create_task(killers)
                async with asyncio.TaskGroup() as talking:
                    for number in range(calls):
                        talking.create_task(one(number))
                        if between_kills_s is not None:
                            # A typed call takes a moment: all of them would be over before anybody is killed.
                            await asyncio.sleep(1 / PER_S)
                if between_kills_s is None:
                    await signs.join()
                killing.cancel()
            console.print(
                f"{len(placed)} calls began; {house.kills.total()} kills; waiting for the records", style="dim"
            )
            return await judge(placed, house.crm, house.simulator, PATIENCE_S), house.kills


@contextlib.contextmanager
def databases(kind: str) -> Iterator[dict[str, str]]:
    """Databases for the length of the block: URLs by variable."""
    if kind == "sqlite":
        yield {}
        return
    with postgres_server() as server:
        names = ("VOICEMESH_CRM_DATABASE_URL", "VOICEMESH_DIALOGUE_DATABASE_URL", "VOICEMESH_CONSENT_DATABASE_URL")
        yield {name: new_database(server) for name in names}


def main() -> int:
    """Run on each database, print, and write bench/results/chaos.json; 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls on each database")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--keep", type=Path, help="folder for state and logs, kept afterwards")
    options = parser.parse_args()
    console, document, good = Console(), {}, True
    for kind in options.databases:
        console.print(f"{options.calls} calls on {kind}", style="bold")
        with contextlib.ExitStack() as stack:
            folder = options.keep / kind if options.keep else None
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemesh-chaos-")))
            folder.mkdir(parents=True, exist_ok=True)
            urls = stack.enter_context(databases(kind))
            verdict, kills = asyncio.run(run(options.calls, urls, folder, console))
        good = good and verdict.good
        document[kind] = {
            "outcomes": verdict.outcomes,
            "lost": len(verdict.lost),
            "duplicated": len(verdict.duplicated),
            "kills": kills.total(),
            "killed": dict(kills),
        }
        console.print(f"  {document[kind]}")
        for fault in (*verdict.lost[:20], *verdict.duplicated[:20]):
            console.print(f"  {fault}", style="red")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "chaos.json").write_text(json.dumps(document, indent=2) + "\n")
    console.print("written to bench/results/chaos.json")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
