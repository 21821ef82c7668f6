"""A recording calls a fake mesh, in a hurry: the clock runs faster than the machine's."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import voicemesh_client as sdk
from voicemesh_cli.caller import CallerBegan, CallerEnded, CallOptions, load_recording, place_call
from voicemesh_cli.failures import InputError

RATE = 8_000

# Moments are differences of a clock that counts from far away.
_ROUNDING_S = 1e-6


class FastClock:
    """Runs twenty times as fast as the machine's clock."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 20

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds / 20))


@pytest.fixture
def recording(tmp_path):
    tone = 0.3 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 300 / RATE)
    hush = np.zeros(RATE)
    soundfile.write(tmp_path / "caller.wav", np.concatenate([hush, tone, hush, tone, hush]), RATE)
    return load_recording(tmp_path / "caller.wav")


def spoken(audio: bytes) -> np.ndarray:
    return np.frombuffer(audio, "<i2")


async def clinic(call) -> None:
    """Greets, answers each stretch of speech after 300 ms of silence, ends when the second answer is played."""
    start = await call.start()
    assert start.output_audio.sample_rate_hz == RATE
    second = np.full(RATE, 1_000, "<i2").tobytes()
    await call.say("g", second, text="welcome")
    turns, place, voiced, finished = 0, 0, 0, set()
    while "a2" not in finished:
        request = await call.read()
        kind = request.WhichOneof("request")
        if kind == "playback" and request.playback.finished:
            finished.add(request.playback.turn_id)
        if kind != "audio":
            continue
        place += len(request.audio.data) // 2
        if np.abs(spoken(request.audio.data)).max() > 328:
            assert {"g", *(f"a{n}" for n in range(1, turns + 1))} <= finished, "the caller waits for the agent"
            voiced = place
        if voiced and place - voiced >= 0.3 * RATE:
            turns, voiced = turns + 1, 0
            at = {"seconds": place // RATE - 1}
            await call.send(
                transcript={
                    "turn_id": f"c{turns}",
                    "text": f"t{turns}",
                    "is_final": True,
                    "end": at,
                    "start": {
                        "nanos": (place - RATE) * 1_000_000_000 // RATE % 10**9,
                        "seconds": (place - RATE) // RATE,
                    },
                }
            )
            await call.send(understanding={"turn_id": f"c{turns}", "intent": f"i{turns}"})
            await call.say(f"a{turns}", second, text=f"answer {turns}", reply_to=f"c{turns}")
    await call.end("booked")


async def test_turn_by_turn(dialogue, recording, tmp_path) -> None:
    dialogue.script = clinic
    moments = []
    options = CallOptions(customer_id="c-42", patience_s=600)
    report = await place_call(
        recording, dialogue.address, options, out=tmp_path / "out", observer=moments.append, clock=FastClock()
    )
    assert [turn.text for turn in report.greeting] == ["welcome"]
    assert [(t.text, t.intent, t.reply) for t in report.turns] == [("t1", "i1", "answer 1"), ("t2", "i2", "answer 2")]
    assert report.disposition is not None
    assert report.disposition.code == "booked"
    assert report.errors == []
    for turn in report.turns:
        assert turn.first_audio_s is not None
        assert turn.first_audio_s >= 0.3
    kinds = [type(moment.what) for moment in moments]
    assert kinds.count(CallerBegan) == kinds.count(CallerEnded) == 2
    assert (kinds[0], kinds[-1]) == (sdk.SessionStarted, sdk.SessionEnded)
    call = dialogue.calls[0]
    assert [audio.sequence for audio in call.of("audio")] == list(range(len(call.of("audio"))))
    assert {len(audio.data) for audio in call.of("audio")} == {640}, "silence flows between the turns"
    both, rate = soundfile.read(report.files["call"], dtype="int16")
    assert rate == RATE
    assert (both[:, 1] == 1_000).sum() == 3 * RATE, "all that the agent said is on tape"
    speaking = np.abs(both[:, 0].astype(int)) > 328
    assert not (speaking & (both[:, 1] != 0)).any(), "nobody talks over the other"
    json.dumps(report.document())


async def test_straight_through_the_file(dialogue, recording) -> None:
    async def script(call):
        await call.start()
        await call.read("end")
        await call.end("over")

    dialogue.script = script
    options = CallOptions(straight=True, goodbye_s=0.1, patience_s=0.2)
    report = await place_call(recording, dialogue.address, options, clock=FastClock())
    sent = np.concatenate([spoken(audio.data) for audio in dialogue.calls[0].of("audio")])
    assert sent[: len(recording.samples)].tolist() == recording.samples.tolist()
    for turn, spoken_turn in zip(report.turns, recording.turns, strict=True):
        assert turn.start_s >= spoken_turn.start_s - _ROUNDING_S
        assert turn.end_s >= spoken_turn.end_s - _ROUNDING_S
    assert [turn.first_audio_s for turn in report.turns] == [None, None]
    assert dialogue.calls[0].of("end")[0].reason == "the recording is over"
    assert report.files == {}


async def test_a_mute_agent_does_not_stop_the_caller(dialogue, recording) -> None:
    async def script(call):
        await call.start()
        await call.read("end")
        await call.end("over")

    dialogue.script = script
    report = await place_call(
        recording, dialogue.address, CallOptions(patience_s=0.5, goodbye_s=0.1), clock=FastClock()
    )
    assert len(report.turns) == 2
    assert report.turns[0].start_s >= 0.5 - _ROUNDING_S
    assert report.turns[1].start_s >= report.turns[0].end_s + 0.5 - _ROUNDING_S


async def test_a_mesh_that_ends_the_call_early(dialogue, recording) -> None:
    async def script(call):
        await call.start()
        await call.say("g", b"", text="goodbye")
        await call.read("audio")
        await call.end("refused")

    dialogue.script = script
    report = await place_call(recording, dialogue.address, CallOptions(), clock=FastClock())
    assert report.disposition is not None
    assert report.disposition.code == "refused"
    assert report.turns == []


async def test_a_call_that_fails_leaves_its_tape(dialogue, recording, tmp_path) -> None:
    async def script(call):
        await call.start()
        for _ in range(10):
            await call.read("audio")

    dialogue.script = script
    with pytest.raises(sdk.ConnectionDroppedError):
        await place_call(recording, dialogue.address, CallOptions(), out=tmp_path, clock=FastClock())
    both, _ = soundfile.read(tmp_path / "caller-call.wav")
    assert len(both) >= 10 * 160


async def test_silence_is_played_only_when_asked_for(dialogue, tmp_path) -> None:
    soundfile.write(tmp_path / "hush.wav", np.zeros(RATE), RATE)
    hush = load_recording(tmp_path / "hush.wav")
    with pytest.raises(InputError, match="use --straight"):
        await place_call(hush, dialogue.address)
    report = await place_call(hush, dialogue.address, CallOptions(straight=True, goodbye_s=0.02), clock=FastClock())
    assert report.turns == []
    assert report.disposition is not None


async def voicemesh(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Runs the command; its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voicemesh_cli",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_call_command_prints_one_document(dialogue, tmp_path) -> None:
    async def script(call):
        await call.start()
        await call.say("g", np.zeros(RATE // 10, "<i2").tobytes(), text="welcome")
        place = 0
        while place < 0.8 * RATE:
            place += len((await call.read("audio")).audio.data) // 2
        await call.send(
            transcript={
                "turn_id": "c1",
                "text": "yes",
                "is_final": True,
                "confidence": 0.5,
                "start": {"nanos": 400_000_000},
                "words": [{"text": "yes", "confidence": 0.5}],
            }
        )
        await call.send(
            understanding={
                "turn_id": "c1",
                "intent": "affirm",
                "confidence": 0.75,
                "slots": [{"name": "day", "value": "2026-11-24"}],
            }
        )
        await call.say("a1", np.zeros(RATE // 10, "<i2").tobytes(), text="bye", reply_to="c1")
        while not (await call.read("playback")).playback.finished:
            pass
        await call.end("booked")

    dialogue.script = script
    tone = 0.3 * np.sin(np.arange(RATE // 5) * 2 * np.pi * 300 / RATE)
    soundfile.write(tmp_path / "caller.wav", tone, RATE)
    target = ("--target", dialogue.address, "--out", str(tmp_path / "out"))
    code, out, err = await voicemesh("call", str(tmp_path / "caller.wav"), *target, "--json")
    assert (code, "welcome" in err) == (0, True)
    document = json.loads(out)
    assert (document["session_id"], document["disposition"]["code"]) == ("s-1", "booked")
    (turn,) = document["turns"]
    assert (turn["text"], turn["intent"], turn["reply"]) == ("yes", "affirm", "bye")
    assert turn["slots"] == {"day": "2026-11-24"}
    assert turn["words"][0]["confidence"] == 0.5
    assert turn["latency_ms"]["first_audio"] > 0
    assert {Path(path).name for path in document["files"].values()} == {"caller-agent.wav", "caller-call.wav"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"caller-agent.wav", "caller-call.wav"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("call", "{}/none.wav"), "no such file"),
        (("call", "{}/text.wav"), "WAV or FLAC"),
        (("call", "{}/empty.wav"), "no audio"),
        (("call", "{}/hush.wav", "--target", "127.0.0.1:1"), "nobody speaks"),
        (("call", "{}/hush.wav", "--out", "{}/text.wav"), "--out"),
    ],
)
async def test_a_file_that_can_not_be_played_is_explained(tmp_path, arguments, says: str) -> None:
    (tmp_path / "text.wav").write_text("hello", encoding="utf-8")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "hush.wav", np.zeros(RATE), RATE)
    code, out, _ = await voicemesh(*(argument.format(tmp_path) for argument in arguments), "--json")
    assert code == 2
    assert says in json.loads(out)["error"]["message"]


async def test_nobody_answers(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(RATE) / 5), RATE)
    code, out, err = await voicemesh("call", str(tmp_path / "a.wav"), "--target", "127.0.0.1:1")
    assert (code, out.strip()) == (1, "")
    assert "can not be reached" in err


async def test_talking_by_keyboard(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.say("g", b"", text="welcome")
        for number in (1, 2):
            text = (await call.read("text")).text.text
            await call.send(understanding={"turn_id": f"c{number}", "intent": text})
            await call.say(f"a{number}", b"", text=f"you said {text}", reply_to=f"c{number}")
        await call.read("end")
        await call.end("done")

    dialogue.script = script
    arguments = ("talk", "--text", "--target", dialogue.address)
    code, out, _ = await voicemesh(*arguments, "--json", stdin=b"one\ntwo\n")
    assert code == 0
    assert json.loads(out) == {
        "session_id": "s-1",
        "greeting": "welcome",
        "turns": [
            {"text": "one", "intent": "one", "confidence": None, "slots": {}, "reply": "you said one"},
            {"text": "two", "intent": "two", "confidence": None, "slots": {}, "reply": "you said two"},
        ],
        "disposition": {"code": "done", "summary": "", "outcome": None},
    }
    code, out, err = await voicemesh(*arguments, stdin=b"one\ntwo\n\n")
    assert (code, err) == (0, "")
    assert "you said two" in out


async def test_the_mesh_hangs_up_on_the_keyboard(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.say("g", b"", text="welcome")
        await call.read("text")
        await call.end("refused")

    dialogue.script = script
    code, out, _ = await voicemesh("talk", "--text", "--target", dialogue.address, "--json", stdin=b"one\ntwo\n")
    assert code == 0
    assert json.loads(out)["disposition"]["code"] == "refused"


async def test_the_example_client_talks(dialogue, tmp_path) -> None:
    async def script(call):
        await call.start()
        await call.read("end_of_audio")
        await call.send(transcript={"turn_id": "c1", "text": "hello there", "is_final": True})
        await call.say("a1", np.full(RATE // 10, 5, "<i2").tobytes(), text="good day")
        await call.end("done")

    dialogue.script = script
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE // 5), RATE)
    example = Path(__file__).parents[3] / "examples" / "client.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, example, dialogue.address, "a.wav", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.decode().splitlines() == ["caller: hello there", "agent:  good day"]
    assert soundfile.read(tmp_path / "agent.wav", dtype="int16")[0].tolist() == [5] * (RATE // 10)
