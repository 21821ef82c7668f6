"""The use case of a synthesis stream: text in pieces, audio and word times out, cancel at once."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from mesh.errors import ErrorReason, MeshError, protocol_violation
from mesh.streams import Send, respond
from services.tts.line import Job, Line
from services.tts.messages import AddText, Audio, Cancel, Command, Configure, End, Event, Flush, Words
from services.tts.model import Delivery, Synthesizer
from services.tts.packets import Packet
from services.tts.sentences import speakable
from services.tts.utterance import Utterance

if TYPE_CHECKING:
    from voicemesh.common.v1.audio_pb2 import AudioFormat

# Packets between the engine and the wire: 1.6 s of audio; when full the speaker waits.
_READY_PACKETS = 8
_REMEMBERED = 256

_Output: TypeAlias = tuple[Utterance, Packet | None]


class SynthesisStream:
    """One client's stream.

    Sentences are spoken one at a time in the order in which they become whole, whichever utterance they belong to,
    but an utterance's first sentence goes before later ones of others. An utterance ends by its flush or by the end
    of the text; its id may then be used again. What still comes for a cancelled one - its writer may not know yet -
    is dropped; the last 256 cancelled ids are remembered for that.
    """

    def __init__(
        self,
        engine: Synthesizer,
        choose: Callable[[Configure], Delivery],
        *,
        max_pending_characters: int,
        max_open_utterances: int,
    ) -> None:
        self._engine = engine
        self._choose = choose
        self._max_open = max_open_utterances
        self._line = Line(max_pending_characters)
        self._config: tuple[Delivery, AudioFormat] | None = None
        self._open: dict[str, Utterance] = {}
        self._living: list[Utterance] = []
        self._cancelled: deque[str] = deque(maxlen=_REMEMBERED)
        self._speaking: tuple[Utterance, asyncio.Task[None]] | None = None

    async def events(self, commands: AsyncIterator[Command]) -> AsyncGenerator[Event, None]:
        """Yield what is to be sent, until the text has ended and all is spoken.

        Raises:
            MeshError: PROTOCOL_VIOLATION without a configuration first, CONNECTION_DROPPED when the commands end
                without `End`, OVERLOADED when too much waits, and what the configuration or the engine raises.
        """
        outputs: AsyncGenerator[_Output, None]
        outputs = respond(lambda send: self._run(commands, send), capacity=_READY_PACKETS)
        try:
            async with contextlib.aclosing(outputs):
                async for utterance, packet in outputs:
                    for event in self._deliver(utterance, packet):
                        yield event
        finally:
            for utterance in self._living:
                utterance.close("dropped")

    def _deliver(self, utterance: Utterance, packet: Packet | None) -> Iterator[Event]:
        """Yield the messages of an output; none of a packet whose utterance was cancelled meanwhile."""
        if packet is None:
            self._living.remove(utterance)
            yield utterance.done()
        elif not utterance.cancelled:
            utterance.delivered(packet)
            if packet.words:
                yield Words(utterance.id, packet.words)
            if packet.data:
                yield Audio(utterance.id, packet.data, packet.offset_s)

    async def _run(self, commands: AsyncIterator[Command], send: Send[_Output]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._speak(tasks, send))
            async for command in commands:
                if isinstance(command, End):
                    break
                self._obey(command)
            else:
                raise MeshError(
                    ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
                    "the stream ended without EndOfText; send it when no more text comes",
                )
            for utterance_id in list(self._open):
                self._flush(utterance_id)
            self._line.close()

    def _obey(self, command: Configure | AddText | Flush | Cancel) -> None:
        if isinstance(command, Configure):
            self._config = self._choose(command), command.audio_format
        elif self._config is None:
            raise protocol_violation("config", type(command).__name__.lower())
        elif isinstance(command, AddText):
            self._add(command)
        elif isinstance(command, Flush):
            self._flush(command.utterance_id)
        else:
            self._cancel(command.utterance_id)

    def _add(self, command: AddText) -> None:
        if command.utterance_id in self._cancelled:
            return
        utterance = self._utterance(command.utterance_id)
        for sentence in utterance.splitter.feed(command.text):
            self._queue(utterance, sentence)

    def _flush(self, utterance_id: str) -> None:
        if utterance_id in self._cancelled:
            return
        # One that never had a text is answered too: a client may wait for the end of an empty reply.
        utterance = self._utterance(utterance_id)
        for sentence in utterance.splitter.flush():
            self._queue(utterance, sentence)
        del self._open[utterance_id]
        self._line.put(Job(utterance))

    def _cancel(self, utterance_id: str) -> None:
        """Cancel what has that id; one that is over already, or never was, is no matter."""
        for utterance in self._living:
            if utterance.cancelled or utterance_id not in {"", utterance.id}:
                continue
            utterance.cancelled = True
            self._cancelled.append(utterance.id)
            self._open.pop(utterance.id, None)
            if self._speaking is not None and self._speaking[0] is utterance:
                self._speaking[1].cancel()
            if not utterance.ending:
                self._line.replace(utterance)

    def _queue(self, utterance: Utterance, sentence: str) -> None:
        if speakable(sentence):
            self._line.put(Job(utterance, sentence.strip(), first=utterance.queued == 0))
            utterance.queued += 1

    def _utterance(self, utterance_id: str) -> Utterance:
        if utterance_id in self._open:
            return self._open[utterance_id]
        if len(self._living) >= self._max_open:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                f"{len(self._living)} utterances are in progress on this stream; flush or cancel some first",
                retry_after_s=1.0,
                metadata={"limit": str(self._max_open), "in_progress": str(len(self._living))},
            )
        assert self._config is not None
        utterance = Utterance(utterance_id, *self._config)
        self._open[utterance_id] = utterance
        self._living.append(utterance)
        return utterance

    async def _speak(self, tasks: asyncio.TaskGroup, send: Send[_Output]) -> None:
        """Take the sentences one after another; each in a task of its own, which a cancel ends."""
        while (job := await self._line.get()) is not None:
            if job.text is None:
                job.utterance.ending = True
                await send((job.utterance, None))
                continue
            task = tasks.create_task(self._say(job.utterance, job.text, send))
            self._speaking = job.utterance, task
            await asyncio.wait({task})
            self._speaking = None

    async def _say(self, utterance: Utterance, text: str, send: Send[_Output]) -> None:
        for packet in utterance.saying(text):
            await send((utterance, packet))
        async with contextlib.aclosing(self._engine.synthesize(text, utterance.delivery)) as chunks:
            async for chunk in chunks:
                for packet in utterance.feed(chunk):
                    await send((utterance, packet))
        for packet in utterance.track.end_sentence():
            await send((utterance, packet))
