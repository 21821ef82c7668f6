"""Voice activity for all streams of the process: what arrives while the network runs shares its next run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.asr import metrics
from services.asr.vad import Chunker, Heard, hear

if TYPE_CHECKING:
    from mesh.executor import InferenceExecutor
    from services.asr.model import Samples
    from services.asr.vad import VadModel, VadState


@dataclass(slots=True, eq=False)
class _Job:
    """A stream's chunks, and the run they are in once it has begun."""

    state: VadState
    chunks: Samples
    run: asyncio.Future[list[list[Heard]]] | None = None
    place: int = 0


class Detector:
    """Gathers the streams' chunks into batches.

    A stream alone waits for nothing. While a batch is computed the next one gathers; at most one job of each stream is
    in it, so that it is bounded by the number of streams.
    """

    def __init__(self, model: VadModel, executor: InferenceExecutor) -> None:
        self._model = model
        self._executor = executor
        self._gathering: list[_Job] = []
        self._turn = asyncio.Lock()

    async def hear(self, stream: Chunker, samples: Samples, *, last: bool = False) -> list[Heard]:
        """Return what each chunk of a stream that is now full is like; one call a stream at a time.

        Raises ``MeshError(OVERLOADED)`` when too many computations wait.
        """
        chunks = stream.cut(samples, last=last)
        if not len(chunks):
            return []
        job = _Job(stream.state, chunks)
        self._gathering.append(job)
        try:
            async with self._turn:
                if job.run is None:
                    await asyncio.shield(self._begin())
        finally:
            if job in self._gathering:  # cancelled before its run began
                self._gathering.remove(job)
        assert job.run is not None
        return (await asyncio.shield(job.run))[job.place]

    async def hear_spare(self, stream: Chunker, samples: Samples, *, last: bool = False) -> list[Heard]:
        """The same for work that nobody waits for in a conversation: it takes the detector only when it is free."""
        chunks = stream.cut(samples, last=last)
        return (await self._executor.run_spare(hear, self._model, [stream.state], [chunks]))[0]

    def _begin(self) -> asyncio.Future[list[list[Heard]]]:
        batch, self._gathering = self._gathering, []
        run = self._executor.submit(hear, self._model, [job.state for job in batch], [job.chunks for job in batch])
        for place, job in enumerate(batch):
            job.run, job.place = run, place
        metrics.VAD_BATCH.observe(len(batch))
        return run
