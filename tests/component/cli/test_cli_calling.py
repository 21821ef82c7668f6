"""`voicemesh call` and `voicemesh talk` with a mesh that does what the test says."""

import asyncio
import functools
import json
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.dialogue_server import Call, serving
from typer.testing import CliRunner, Result

from voicemesh_cli.caller import CallOptions
from voicemesh_cli.commands import call as commands_call
from voicemesh_cli.main import build_app

RATE = 8_000
QUIET = 328
NOBODY, IMPATIENT = "nobody", "impatient"
IS_ASKED = threading.Event()

Run = Callable[..., Result]


async def agent(call: Call) -> None:
    """Greets; answers what is typed; thanks for what is said and ends the call.

    NOBODY gets no word after the greeting; IMPATIENT is asked something before having said a word.
    """
    start = await call.start()
    silent = start.customer.id == NOBODY
    await call.say("greeting", np.full(start.output_audio.sample_rate_hz // 10, 1_000, "<i2").tobytes(), text="welcome")
    if start.customer.id == IMPATIENT:
        await asyncio.to_thread(IS_ASKED.wait, 60)
        await call.say("prompt", b"", text="are you there")
    while True:
        request = await call.read()
        kind = request.WhichOneof("request")
        if silent:
            continue
        if kind == "text":
            await call.send(understanding={"turn_id": "t1", "intent": "greet"})
            await call.say("answer", b"", text=f"you said {request.text.text}", reply_to="t1")
        spoken = kind == "audio" and np.abs(np.frombuffer(request.audio.data, "<i2")).max() > QUIET
        if spoken or kind == "end":
            await call.end("thanked" if spoken else "hung_up")
            return


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the mesh listens; it has a loop of its own, as each command has."""
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serving(agent) as fake:
            ready.append(fake.address)
            started.set()
            await stop.wait()

    def in_its_own_loop() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=in_its_own_loop)
    thread.start()
    assert started.wait(60)
    yield ready[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory; with a recording beside it."""
    tone = 0.3 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 300 / RATE)
    soundfile.write(tmp_path / "hello.wav", tone, RATE)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def run(address: str) -> Run:
    runner = CliRunner()
    environment = {"VOICEMESH_DIALOGUE_TARGET": address, "COLUMNS": "200"}
    return lambda *arguments, typed="": runner.invoke(build_app(), [*arguments], env=environment, input=typed)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_call_writes_nothing_unasked_and_says_how_to_keep_it(run: Run, folder: Path) -> None:
    result = run("call", "../hello.wav")
    assert result.exit_code == 0, result.output
    assert "welcome" in result.stdout
    assert "--out" in result.stdout
    assert files(folder) == []


def test_a_call_keeps_its_audio_where_it_is_told_to(run: Run, folder: Path) -> None:
    result = run("call", "../hello.wav", "--out", "kept/calls", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["disposition"]["code"] == "thanked"
    assert files(folder) == ["kept/calls/hello-agent.wav", "kept/calls/hello-call.wav"]
    assert sorted(document["files"].values()) == files(folder)
    assert soundfile.info(folder / document["files"]["call"]).channels == 2


def test_a_call_is_not_placed_where_its_audio_can_not_be_kept(run: Run, folder: Path) -> None:
    (folder / "file").touch()
    result = run("call", "../hello.wav", "--out", "file", "--json")
    assert result.exit_code == 2
    assert "--out file" in json.loads(result.stdout)["error"]["message"]


def test_a_call_whose_end_nobody_told_is_a_failure(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = functools.partial(CallOptions, patience_s=0.1, goodbye_s=0.1, end_limit_s=0.1)
    monkeypatch.setattr(commands_call, "CallOptions", hasty)
    result = run("call", "../hello.wav", "--customer", NOBODY, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["greeting"], document["disposition"]) == ("welcome", None)
    assert "broke off" in document["error"]["message"]


def test_what_is_piped_in_is_shown_with_its_answer(run: Run) -> None:
    result = run("talk", "--text", typed="good morning\n")
    assert result.exit_code == 0, result.output
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert lines.index(["you", "good morning"]) < lines.index(["agent", "you said good morning"])


def test_what_is_piped_in_is_in_the_document(run: Run) -> None:
    document = json.loads(run("talk", "--text", "--json", typed="good morning\n\nnever said\n").stdout)
    assert [(turn["text"], turn["reply"]) for turn in document["turns"]] == [
        ("good morning", "you said good morning"),
    ]
    assert document["disposition"]["code"] == "hung_up"


def read_until(terminal: int, words: str) -> str:
    """What a terminal shows until the words are there, or the program has ended; at most a minute without a byte."""
    shown = ""
    while words not in shown and select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 1_000).decode()
        except OSError:  # the program has ended
            break
    return shown


def test_what_the_agent_says_at_the_prompt_has_a_line_of_its_own(address: str) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "100"}
    arguments = ["talk", "--text", "--target", address, "--customer", IMPATIENT]
    with subprocess.Popen(
        [sys.executable, "-m", "voicemesh_cli", *arguments], stdin=theirs, stdout=theirs, env=environment
    ) as process:
        os.close(theirs)
        before = read_until(ours, "you  ")
        IS_ASKED.set()
        after = read_until(ours, "you  ")
        os.write(ours, b"\n")
        rest = read_until(ours, "hung_up")
        process.wait(60)
    os.close(ours)
    lines = [line.rstrip() for line in (before + after + rest).splitlines()]
    assert process.returncode == 0, lines
    assert "empty line hangs up" in before
    assert lines.index("agent     welcome") < lines.index("you") < lines.index("agent     are you there")
    assert lines.count("you") == 2
