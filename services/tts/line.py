"""The sentences of one stream that wait to be spoken."""

import asyncio
from collections import deque
from dataclasses import dataclass

from mesh.errors import ErrorReason, MeshError
from services.tts.utterance import Utterance


@dataclass(frozen=True, slots=True)
class Job:
    """A sentence to speak; without a text: the utterance is to be ended."""

    utterance: Utterance
    text: str | None = None

    @property
    def characters(self) -> int:
        """The length of its text."""
        return len(self.text or "")


class Line:
    """A waiting line of at most `limit` characters of text; one more is refused with OVERLOADED.

    Waiting instead of refusing would leave the client's cancel unread behind its text.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: deque[Job] = deque()
        self._characters = 0
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, job: Job) -> None:
        """Add a job at the end.

        Raises:
            MeshError: OVERLOADED when too much text waits.
        """
        if job.characters and self._characters + job.characters > self._limit:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                f"{self._characters} characters of this stream wait to be spoken; send text as it is heard, "
                "or cancel what is not wanted any more",
                retry_after_s=1.0,
                metadata={"limit": str(self._limit), "in_progress": str(self._characters)},
            )
        self._characters += job.characters
        self._jobs.append(job)
        self._changed.set()

    def replace(self, utterance: Utterance) -> None:
        """Drop an utterance's sentences and end it before anything else."""
        self._jobs = deque(job for job in self._jobs if job.utterance is not utterance)
        self._jobs.appendleft(Job(utterance))
        self._characters = sum(job.characters for job in self._jobs)
        self._changed.set()

    def close(self) -> None:
        """Take nothing more; `get` answers None once the line is empty."""
        self._closed = True
        self._changed.set()

    async def get(self) -> Job | None:
        """Return the next job, waiting for one; None when the line is closed and empty."""
        while not self._jobs:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        job = self._jobs.popleft()
        self._characters -= job.characters
        return job
