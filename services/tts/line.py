"""The sentences of one stream that wait to be spoken."""

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import count

from mesh.errors import ErrorReason, MeshError
from services.tts.utterance import Utterance


@dataclass(frozen=True, slots=True)
class Job:
    """A sentence to speak, perhaps its utterance's first; without a text: the utterance is to be ended."""

    utterance: Utterance
    text: str | None = None
    first: bool = False

    @property
    def characters(self) -> int:
        """The length of its text."""
        return len(self.text or "")


class Line:
    """A waiting line of at most `limit` characters of text; one more is refused with OVERLOADED.

    Waiting instead of refusing would leave the client's cancel unread behind its text. Who came first goes first,
    but an utterance's first sentence goes before later sentences of others, and so does its end behind its last
    one: what is prepared while a long text is spoken waits for one sentence of it, not for all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: dict[Utterance, deque[tuple[int, Job]]] = {}
        self._numbers = count(1)
        self._characters = 0
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, job: Job) -> None:
        """Add a job behind the others of its utterance.

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
        self._jobs.setdefault(job.utterance, deque()).append((next(self._numbers), job))
        self._changed.set()

    def replace(self, utterance: Utterance) -> None:
        """Drop an utterance's sentences and end it before anything else."""
        dropped = self._jobs.pop(utterance, ())
        self._characters -= sum(job.characters for _, job in dropped)
        self._jobs[utterance] = deque([(0, Job(utterance))])
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
        utterance = min(self._jobs, key=self._turn)
        jobs = self._jobs[utterance]
        _, job = jobs.popleft()
        if not jobs:
            del self._jobs[utterance]
        self._characters -= job.characters
        return job

    def _turn(self, utterance: Utterance) -> tuple[bool, int]:
        """Return when it is an utterance's turn, the lowest first."""
        number, job = self._jobs[utterance][0]
        goes_ahead = job.first or job.text is None
        return not goes_ahead, number
