"""The transcripts of one stream's utterances: partial while they grow, one in advance at a pause, the final."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.asr import metrics
from services.asr.model import SAMPLE_RATE_HZ, Transcript
from services.asr.segmenter import POST_ROLL
from services.asr.stability import stability

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from services.asr.engine_room import Decoded, EngineRoom, Voice
    from services.asr.history import History
    from services.asr.model import Configure

# Partial transcripts get a third of the time at the most: one that took long is followed by a longer gap.
_PARTIAL_SHARE = 3.0


class Drafts:
    """Decodes the utterance in progress; at most one partial and one speculative decode are under way.

    A partial is skipped while the executor has other work, so partials get rarer first when the machine is busy.
    """

    def __init__(
        self,
        room: EngineRoom,
        history: History,
        tasks: asyncio.TaskGroup,
        send: Callable[[Transcript, Callable[[], bool]], Awaitable[None]],
        *,
        partial_every_s: float,
    ) -> None:
        """``send(transcript, wanted)`` must ask ``wanted()`` once it is its turn, and drop the transcript if not."""
        self._room = room
        self._history = history
        self._tasks = tasks
        self._send = send
        self._partial_every = partial_every_s
        self._voice: Voice = room.begin()
        self._utterance = 0
        self._onset = 0
        self._audio_from = 0
        self._next_partial = 0
        # What the client was told last of the utterance.
        self._sent: str | None = None
        self._partial: asyncio.Task[None] | None = None
        self._speculation: asyncio.Task[Transcript] | None = None
        # Moves on with each change that makes decodes under way worthless.
        self._version = 0

    def begin(self, utterance: int, onset: int, audio_from: int) -> None:
        """An utterance began at sample ``onset``; its audio starts at ``audio_from``."""
        self._version += 1
        self._voice = self._room.begin()
        self._utterance, self._onset, self._audio_from = utterance, onset, audio_from
        self._sent = None
        self._next_partial = onset + round(self._partial_every * SAMPLE_RATE_HZ)

    def speaking(self, now: int, last_voiced: int, config: Configure) -> None:
        """The caller spoke on up to ``now``: begin a partial transcript if one is due and the machine is free."""
        if not config.interim_results or now < self._next_partial or _busy(self._partial):
            return
        self._next_partial = now + round(self._partial_every * SAMPLE_RATE_HZ)
        # Whoever waits for a final transcript comes first: a partial one begins only when nothing else is computed.
        if self._room.executor.in_progress or not self._room.partials.take():
            metrics.PARTIALS_SKIPPED.inc()
            return
        self._partial = self._tasks.create_task(self._send_partial(now, last_voiced, config))

    def pause(self, last_voiced: int, config: Configure) -> None:
        """Silence began: transcribe what may be the whole utterance."""
        self._version += 1
        self._speculation = self._tasks.create_task(self._speculate(last_voiced, config))

    def resume(self) -> None:
        """The caller went on: what was transcribed in advance is worth nothing."""
        self._version += 1
        if self._speculation is not None:
            self._speculation.cancel()
            self._speculation = None
            metrics.SPECULATIONS.labels("discarded").inc()

    async def commit(self, last_voiced: int, config: Configure) -> None:
        """The utterance is over: send its final transcript, without decoding again where that was done."""
        self._version += 1
        metrics.UTTERANCES.inc()
        speculation, self._speculation = self._speculation, None
        if speculation is None:
            transcript = await self._decode_all(last_voiced, config, speculative=False)
        else:
            metrics.SPECULATIONS.labels("committed").inc()
            transcript = await speculation
        await self._send(replace(transcript, is_final=True, is_speculative=False, stability=1.0), _always)
        await self.close()

    async def close(self) -> None:
        """Drop the partial transcript under way and let go of what the engine holds for the utterance."""
        if self._partial is not None:
            self._partial.cancel()
        if self._voice.needs_closing:
            await self._room.executor.run(self._voice.close)

    async def _send_partial(self, now: int, last_voiced: int, config: Configure) -> None:
        version = self._version
        samples = self._history.between(self._audio_from, now)
        decoded = await self._room.decode("partial", self._voice, samples, config)
        self._room.partials.spent(decoded.compute_s)
        gap_s = max(self._partial_every, decoded.compute_s * _PARTIAL_SHARE)
        self._next_partial = max(self._next_partial, now + round(gap_s * SAMPLE_RATE_HZ))
        if decoded.recognition.text:
            await self._send_if_current(self._transcript(decoded, last_voiced, config), version)

    async def _speculate(self, last_voiced: int, config: Configure) -> Transcript:
        version = self._version
        transcript = await self._decode_all(last_voiced, config, speculative=True)
        if config.interim_results:
            await self._send_if_current(transcript, version)
        return transcript

    async def _send_if_current(self, transcript: Transcript, version: int) -> None:
        def wanted() -> bool:
            if version != self._version:
                return False
            self._sent = transcript.text
            return True

        await self._send(transcript, wanted)

    async def _decode_all(self, last_voiced: int, config: Configure, *, speculative: bool) -> Transcript:
        samples = self._history.between(self._audio_from, last_voiced + POST_ROLL)
        decoded = await self._room.decode("final", self._voice, samples, config, speculative=speculative)
        return replace(self._transcript(decoded, last_voiced, config), is_speculative=speculative)

    def _transcript(self, decoded: Decoded, last_voiced: int, config: Configure) -> Transcript:
        offset = self._audio_from / SAMPLE_RATE_HZ
        found = decoded.recognition
        return Transcript(
            utterance=self._utterance,
            text=found.text,
            words=tuple(
                replace(word, start_s=word.start_s + offset, end_s=word.end_s + offset) for word in found.words
            ),
            start_s=self._onset / SAMPLE_RATE_HZ,
            end_s=last_voiced / SAMPLE_RATE_HZ,
            language=config.language,
            compute_s=decoded.compute_s,
            confidence=found.confidence,
            stability=stability(self._sent, found.text),
            speaker=config.speaker,
        )


def _busy(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()


def _always() -> bool:
    return True
