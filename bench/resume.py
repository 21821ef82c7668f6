"""What a caller hears when the connection drops or the dialogue's process dies: the gap, and lost or repeated words.

While the agent speaks, the gap is the longest silence within its turn. In mid-word, it is the time from the caller's
last voiced sample to the answer. The words are compared with those of the same call undisturbed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from corpus import HERE
from phone import Phone, phone
from rich.console import Console
from rich.table import Table
from rows import percentile
from sounds import VOICES, spoken

import voicemesh_client as sdk
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_cli.launcher.options import SERVICES

QUESTION = "When are you open?"
SENTENCE = "My order is damaged and I want to complain about it."
"""Recognised the same each time, so that a word that is missing was lost on the way."""
INTO_AGENT_S = (0.0, 0.1, 0.3, 0.7)
INTO_SENTENCE_S = (0.5, 1.1, 1.7, 2.3)
Break = Callable[[], Awaitable[None]]


@dataclass
class Trial:
    """A call that was disturbed; `how` is "none" for one that was not."""

    how: str
    when: str
    gap_ms: float
    heard: str = ""
    lost: int = 0
    repeated: int = 0


class Wire:
    """A TCP connection's middle, which can be cut."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._writers: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[str]:
        """Pass bytes on; yields the address to call."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        async with server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            await self.cut()

    async def cut(self) -> None:
        """Break all connections as a dead network does: at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(self._host, int(self._port))
        self._writers |= {writer, onward_writer}
        try:
            await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))
        finally:
            self._writers -= {writer, onward_writer}
            writer.close()
            onward_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def while_agent_speaks(call: Phone, into_s: float, disturb: Break) -> float:
    """Disturb the agent's answer; return its longest silence in milliseconds."""
    await call.heard_out(1)
    await call.session.send_text(QUESTION)
    await call.until(lambda: len(call.turn_ids()) > 1)
    turn_id = call.turn_ids()[-1]
    await asyncio.sleep(into_s)
    await disturb()
    await call.heard_out(2)
    pieces = call.of(turn_id)
    return 1000 * max(after.at - before.end for before, after in pairwise(pieces))


async def in_mid_word(call: Phone, voice: str, into_s: float, disturb: Break) -> tuple[float, str]:
    """Disturb the caller's sentence; return how long they waited for the answer, and what was heard."""
    await call.heard_out(1)
    samples = spoken(voice, SENTENCE)
    onset = await call.say(samples)
    await asyncio.sleep(into_s)
    await disturb()
    await call.until(lambda: len(call.turn_ids()) > 1)
    first = call.of(call.turn_ids()[1])[0]
    await call.heard_out(2)
    last = {said.turn_id: said.text for said in call.told(sdk.Transcript) if said.is_final}
    return 1000 * (first.at - onset - len(samples) / 16_000), " ".join(last.values())


@contextlib.asynccontextmanager
async def another_dialogue(mesh: RunningMesh, folder: Path) -> AsyncIterator[RunningMesh]:
    """Run one more instance of the dialogue, on the same broker and database."""
    targets = {f"VOICEMESH_{name.upper()}_TARGET": at for name, at in mesh.addresses.items() if name != "crm-sync"}
    options = LaunchOptions(
        state_dir=folder / "state",
        log_dir=Path(tempfile.mkdtemp(dir=folder)),
        services=tuple(spec for spec in SERVICES if spec.name == "dialogue"),
        with_broker=False,
        env={**targets, "VOICEMESH_NATS_URL": mesh.nats_url},
    )
    async with launch(options) as other:
        yield other


@contextlib.asynccontextmanager
async def line(how: str, mesh: RunningMesh, folder: Path) -> AsyncIterator[tuple[str, Break]]:
    """Yield the address to call and what disturbs the call."""
    target = mesh.addresses["dialogue"]
    if how == "none":
        yield target, _nothing
    elif how == "drop":
        wire = Wire(target)
        async with wire.laid() as address:
            yield address, wire.cut
    else:
        async with another_dialogue(mesh, folder) as victim:

            async def kill() -> None:
                os.kill(victim.pids["dialogue"], signal.SIGKILL)

            yield f"{victim.addresses['dialogue']},{target}", kill


async def _nothing() -> None:
    """Leave the call as it is."""


async def measure(rounds: int, console: Console) -> list[Trial]:
    """Disturb calls in every way."""
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-resume-") as name:
        folder = Path(name)
        async with launch(LaunchOptions(state_dir=folder / "state")) as mesh:
            whole = {voice: await _undisturbed(voice, mesh, folder, trials) for voice in VOICES}
            for how in ("drop", "kill"):
                for number in range(rounds):
                    async with line(how, mesh, folder) as (target, disturb), phone(target, "shop") as call:
                        into_s = INTO_AGENT_S[number % len(INTO_AGENT_S)]
                        trials.append(Trial(how, "agent", await while_agent_speaks(call, into_s, disturb)))
                    console.print(trials[-1], style="dim")
                    voice, into_s = VOICES[number % len(VOICES)], INTO_SENTENCE_S[number % len(INTO_SENTENCE_S)]
                    async with line(how, mesh, folder) as (target, disturb), phone(target, "shop") as call:
                        gap, heard = await in_mid_word(call, voice, into_s, disturb)
                    trials.append(Trial(how, "caller", gap, heard, *_compare(whole[voice], heard)))
                    console.print(trials[-1], style="dim")
    return trials


async def _undisturbed(voice: str, mesh: RunningMesh, folder: Path, trials: list[Trial]) -> str:
    async with line("none", mesh, folder) as (target, disturb), phone(target, "shop") as call:
        gap, heard = await in_mid_word(call, voice, 0.0, disturb)
    trials.append(Trial("none", "caller", gap, heard))
    return heard


def _compare(whole: str, heard: str) -> tuple[int, int]:
    """Return how many words of the undisturbed transcript are missing, and how many come more often."""
    wanted, found = (Counter(text.lower().replace(",", "").replace(".", "").split()) for text in (whole, heard))
    return (wanted - found).total(), sum((found - wanted)[word] for word in found if word in wanted)


def summarise(trials: list[Trial]) -> dict[str, object]:
    """Return the figures."""
    gaps = {how: [one.gap_ms for one in trials if one.how == how] for how in ("drop", "kill")}
    disturbed = [one for one in trials if one.how != "none"]
    return {
        "drops": len(gaps["drop"]),
        "drop_gap_p50_ms": round(percentile(gaps["drop"], 0.5), 1),
        "drop_gap_p95_ms": round(percentile(gaps["drop"], 0.95), 1),
        "kills": len(gaps["kill"]),
        "kill_gap_p50_ms": round(percentile(gaps["kill"], 0.5), 1),
        "kill_gap_p95_ms": round(percentile(gaps["kill"], 0.95), 1),
        "lost_words": sum(one.lost for one in disturbed),
        "repeated_words": sum(one.repeated for one in disturbed),
    }


def main() -> int:
    """Measure, print, and write bench/results/resume.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="times each way (default 6)")
    console = Console()
    trials = asyncio.run(measure(parser.parse_args().rounds, console))
    figures = summarise(trials)
    table = Table(title="calls that were disturbed")
    for column in ("figure", "value"):
        table.add_column(column)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    document = {**figures, "trials": [asdict(one) for one in trials]}
    (results / "resume.json").write_text(json.dumps(document, indent=2) + "\n")
    console.print("written to bench/results/resume.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
