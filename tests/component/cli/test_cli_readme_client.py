"""The README's client runs as it is printed."""

import asyncio
import re
import sys
from pathlib import Path

import numpy as np
import soundfile
from fakes.dialogue_server import Call, serving

ROOT = Path(__file__).parents[3]
RATE = 16_000
TONE = np.full(RATE // 10, 1_000, "<i2")


def printed() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


async def agent(call: Call) -> None:
    """Greets, and thanks for the recording once it was played."""
    await call.start()
    await call.say("g", TONE.tobytes(), text="welcome")
    await call.read("end_of_audio")
    await call.send(transcript={"turn_id": "c", "text": "a piece", "is_final": False})
    await call.send(transcript={"turn_id": "c", "text": "a piece of music", "is_final": True})
    await call.say("a", TONE.tobytes(), text="thank you", reply_to="c")
    await call.end()


async def test_it_prints_the_conversation_and_keeps_the_agents_voice(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "caller.wav", TONE, RATE)
    async with serving(agent) as fake:
        program = printed().replace("127.0.0.1:7411", fake.address)
        program = program.replace("examples/recordings/clinic-booking.wav", str(tmp_path / "caller.wav"))
        assert fake.address in program
        assert "caller.wav" in program
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", program),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    lines = [line.split(maxsplit=1) for line in said.decode().splitlines()]
    assert lines == [["agent:", "welcome"], ["caller:", "a piece of music"], ["agent:", "thank you"]]
    heard, rate = soundfile.read(tmp_path / "agent.wav", dtype="int16")
    assert rate == RATE
    assert heard.tolist() == np.tile(TONE, 2).tolist()


def test_it_is_short() -> None:
    assert len([line for line in printed().splitlines() if line]) <= 20
