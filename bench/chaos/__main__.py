"""`python -m chaos`: place calls while processes are killed, and count what is left of them.

Where anything is lost or doubled, each call it concerns is named, and the folder with logs and databases is kept.
"""

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fakes.databases import new_database
from fakes.postgres_server import postgres_folder, postgres_server
from rich.console import Console
from rich.progress import Progress
from rows import merge_into
from sqlalchemy.engine import make_url

from chaos.calls import Call, place
from chaos.house import House
from chaos.judge import QUIET_S, Verdict, judge, looking, misdeeds

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
    quiet_s: float = QUIET_S,
) -> tuple[Verdict, Counter[str]]:
    """Place so many calls on one kind of database; return the verdict and who was killed how often.

    Args:
        between_kills_s: the shortest and the longest time between two kills at random; None: with each call that ended
            the next process is killed, so that it is certain which ones are.
        quiet_s: how long nothing may change before it is judged.
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
            look = looking(house.crm, house.simulator)
            verdict = await judge(placed, look, patience_s=PATIENCE_S, quiet_s=quiet_s)
            verdict.faults = await misdeeds(house.simulator)
            return verdict, house.kills


@contextlib.contextmanager
def databases(kind: str) -> Iterator[dict[str, str]]:
    """Databases for the length of the block: URLs by variable."""
    if kind == "sqlite":
        yield {}
        return
    with postgres_server() as server:
        names = ("VOICEMESH_CRM_DATABASE_URL", "VOICEMESH_DIALOGUE_DATABASE_URL", "VOICEMESH_CONSENT_DATABASE_URL")
        yield {name: new_database(server) for name in names}


def keep(folder: Path, urls: dict[str, str]) -> None:
    """Put a server's databases beside the logs: SQLite's lie there already. Raises ``CalledProcessError``."""
    binaries = postgres_folder() or Path()
    for variable, url in urls.items():
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        name = variable.removeprefix("VOICEMESH_").removesuffix("_DATABASE_URL").lower()
        # Data only, as inserts: any editor shows them.
        dump = [str(binaries / "pg_dump"), "--data-only", "--inserts", "--file", str(folder / f"{name}.sql"), plain]
        subprocess.run(dump, check=True)


def one_database(kind: str, calls: int, folder: Path, console: Console) -> bool:
    """Run on one kind of database; return whether nothing was lost or doubled."""
    console.print(f"{calls} calls on {kind}", style="bold")
    began = datetime.now(UTC)
    with databases(kind) as urls:
        verdict, kills = asyncio.run(run(calls, urls, folder, console))
        report(kind, began, verdict, kills, console)
        if not verdict.good:
            keep(folder, urls)
    return verdict.good


def report(kind: str, began: datetime, verdict: Verdict, kills: Counter[str], console: Console) -> None:
    """Print the figures and every call that is concerned, and write the figures."""
    figures = {
        "at": began.isoformat(timespec="seconds"),
        "took_s": round((datetime.now(UTC) - began).total_seconds()),
        "outcomes": verdict.outcomes,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "kills": kills.total(),
        "killed": dict(kills),
        "faults": verdict.faults,
    }
    merge_into(RESULTS / "chaos.json", {kind: figures})
    console.print(f"  {figures}")
    for what, faults in (("lost", verdict.lost), ("twice", verdict.duplicated)):
        for fault in faults:
            console.print(f"  {what}: {fault}", style="red", soft_wrap=True)


def main() -> int:
    """Run on each database, print, and write bench/results/chaos.json; 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls on each database")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--keep", type=Path, help="folder for state and logs, kept however it ends")
    options = parser.parse_args()
    console, bad = Console(), list[str]()
    parent = options.keep or Path(tempfile.mkdtemp(prefix="voicemesh-chaos-"))
    for kind in options.databases:
        folder = parent / kind
        folder.mkdir(parents=True, exist_ok=True)
        good = False
        try:
            good = one_database(kind, options.calls, folder, console)
        finally:
            if not good:
                console.print(f"logs and databases are kept in {folder}", style="red", soft_wrap=True)
        if not good:
            bad.append(kind)
        elif not options.keep:
            shutil.rmtree(folder)
    if not bad and not options.keep:
        parent.rmdir()
    console.print("written to bench/results/chaos.json")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
