"""A client of the use case of a stream, which sends and reads one by one."""

import asyncio
from collections.abc import AsyncIterator

from unit.tts.fake_engine import VOICE
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

from services.tts.messages import Command, Configure, Done, Event
from services.tts.model import Delivery, Synthesizer
from services.tts.stream import SynthesisStream

CONFIGURE = Configure("en", AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=8_000))


def stream(engine: Synthesizer, *, characters: int = 5_000) -> SynthesisStream:
    return SynthesisStream(
        engine,
        lambda config: Delivery(VOICE, config.rate, config.pitch_semitones),
        max_pending_characters=characters,
        max_open_utterances=4,
    )


class Client:
    """Commands one by one, events one by one."""

    def __init__(self, engine: Synthesizer) -> None:
        self._commands: asyncio.Queue[Command | None] = asyncio.Queue()
        self.events = stream(engine).events(self._iterate())

    def send(self, *commands: Command | None) -> None:
        for command in commands:
            self._commands.put_nowait(command)

    async def _iterate(self) -> AsyncIterator[Command]:
        while (command := await self._commands.get()) is not None:
            yield command

    async def until_done(self) -> tuple[list[Event], Done]:
        events: list[Event] = []
        async for event in self.events:
            if isinstance(event, Done):
                return events, event
            events.append(event)
        raise AssertionError("the stream ended without Done")
