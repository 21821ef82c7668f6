"""Hand-written neighbours of a session: a recogniser, an understander, a voice that do what the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from mesh.errors import MeshError
from services.dialogue import model
from services.dialogue.actions import Actions
from services.dialogue.adapters.tts import Piece
from services.dialogue.limits import Limits
from services.dialogue.phrases import Phrases
from services.dialogue.policy import Policy
from services.dialogue.session import Session
from services.dialogue.turns.habits import SpeechHabits

PCM = model.AudioFormat("pcm16", 16_000)
SECOND = b"\0\0" * 16_000


@dataclass
class FakeRecognition:
    """Says what the test tells it to; counts what it is given."""

    data: bytes = b""
    finished: bool = False
    configurations: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    finalized: list[tuple[float, float]] = field(default_factory=list)
    said: asyncio.Queue = field(default_factory=asyncio.Queue)

    async def send(self, data: bytes) -> None:
        self.data += data

    async def finish(self) -> None:
        self.finished = True
        self.said.put_nowait(model.RecognitionEnded())

    async def configure(self, language: str, phrases: Sequence[str], longest_pause: float) -> None:
        self.configurations.append((language, tuple(phrases)))

    async def finalize(self, pause: float, silence: float) -> None:
        self.finalized.append((pause, silence))

    async def events(self):
        while True:
            event = await self.said.get()
            yield event
            if isinstance(event, model.RecognitionEnded):
                return

    def speaks(self, text: str, *, start: float | None = None, end: float | None = None, final: bool = True) -> None:
        """The caller says something; unless said otherwise, just now and within a second."""
        end = asyncio.get_running_loop().time() if end is None else end
        start = end - 1.0 if start is None else start
        self.said.put_nowait(model.SpeechActivity("started", start))
        self.said.put_nowait(model.Heard(0, text, is_final=False, start=start, end=end))
        if final:
            self.said.put_nowait(model.SpeechActivity("ended", end))
            self.said.put_nowait(model.Heard(0, text, is_final=True, start=start, end=end))

    # The same in single steps; places are on the audio clock.

    def begins(self, at: float, text: str = "") -> None:
        """The caller's voice begins, with words so far."""
        self.said.put_nowait(model.SpeechActivity("started", at))
        if text:
            self.said.put_nowait(model.Heard(0, text, is_final=False, start=at, end=at + 0.5))

    def pauses(self, text: str, at: float, *, start: float = 0.0, confidence: float | None = 0.9) -> None:
        """The caller pauses; these would be all words."""
        self.said.put_nowait(model.SpeechActivity("paused", at))
        self.said.put_nowait(
            model.Heard(
                0,
                text,
                is_final=False,
                is_speculative=True,
                start=start,
                end=at,
                confidence=confidence,
                compute_time=0.1,
            )
        )

    def goes_on(self, at: float, text: str = "") -> None:
        """The caller speaks on after a pause."""
        self.said.put_nowait(model.SpeechActivity("resumed", at))
        if text:
            self.said.put_nowait(model.Heard(0, text, is_final=False, start=at, end=at + 0.5))

    def ends(self, text: str, at: float, *, start: float = 0.0, confidence: float | None = 0.9) -> None:
        """The utterance is over."""
        self.said.put_nowait(model.SpeechActivity("ended", at))
        self.said.put_nowait(model.Heard(0, text, is_final=True, start=start, end=at, confidence=confidence))


@dataclass
class FakeUnderstander:
    """Understands what its table holds; everything else is out of scope."""

    table: dict[str, model.Understanding]
    expectations: list[model.Expectation] = field(default_factory=list)
    failure: MeshError | None = None
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def understand(self, turn_id: str, heard: model.Heard) -> model.Understanding:
        self.asked.append(heard.text)
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        return self.table.get(heard.text, model.Understanding(heard.text, out_of_scope=True))

    async def expect(self, expectation: model.Expectation, language: str) -> None:
        self.expectations.append(expectation)


@dataclass
class FakeVoice:
    """Speaks each word for a quarter of a second, ten words a piece."""

    languages: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    delay_s: float = 0.0

    async def speak(self, turn_id: str, sentences: Sequence[str]):
        done = False
        try:
            words = " ".join(sentences).split()
            for index in range(0, len(words), 10):
                await asyncio.sleep(self.delay_s)
                some = words[index : index + 10]
                placed = tuple(model.Word(w, (index + i) / 4, (index + i + 1) / 4) for i, w in enumerate(some))
                yield Piece(b"\0\0" * (4_000 * len(some)), index / 4, placed)
            done = True
        finally:
            if not done:
                self.cancelled.append(turn_id)

    async def set_language(self, language: str) -> None:
        self.languages.append(language)


@dataclass
class FakeCrm:
    """Knows the caller it is told to know."""

    context: model.CallerContext | None = None
    facts: list[model.Understanding] = field(default_factory=list)

    async def learned(self, turn_id: str, understanding: model.Understanding, place_s: float) -> None:
        self.facts.append(understanding)

    async def contexts(self, tell) -> None:
        if self.context is not None:
            await tell(self.context)


@dataclass
class FakeConsent:
    """Decides as told."""

    decision: model.ConsentDecision = model.ConsentDecision(allowed=True, denied=False, reason="caller_initiated")
    withdrawn: asyncio.Queue = field(default_factory=asyncio.Queue)

    async def decide(self) -> model.ConsentDecision:
        return self.decision

    async def withdrawals(self, tell) -> None:
        await tell(await self.withdrawn.get())


@dataclass
class FakeRecord:
    """Remembers."""

    log: list[tuple] = field(default_factory=list)

    async def started(self, at) -> None:
        self.log.append(("started",))

    def identified(self, contact_id: str, name: str) -> None:
        self.log.append(("identified", contact_id))

    async def turn(self, turn_id, heard, understanding) -> None:
        self.log.append(("turn", turn_id, heard.text, understanding.intent))

    def tape(self, form, begin):
        return None

    async def took_effect(self, turn_id, outcomes, state) -> None:
        self.log.append(("took_effect", turn_id, tuple(o.event for o in outcomes)))

    async def spoke(self, turn_id, text, state) -> None:
        self.log.append(("spoke", turn_id, text))

    async def written(self) -> None:
        pass

    async def ended(self, end, state, sentiment) -> model.Ended:
        self.log.append(("ended", end.disposition))
        return end

    def events(self) -> list[str]:
        """Return the outcomes that took effect."""
        return [event for entry in self.log if entry[0] == "took_effect" for event in entry[2]]


@dataclass
class Stage:
    """One session and everything around it."""

    info: model.SessionInfo
    policy: Policy
    table: dict[str, model.Understanding] = field(default_factory=dict)
    limits: Limits = Limits(session_s=600, silence_s=8, forward_ms=lambda: 40, drain_s=5)
    consent_link: FakeConsent = field(default_factory=FakeConsent)
    crm_link: FakeCrm = field(default_factory=FakeCrm)
    voice_link: FakeVoice = field(default_factory=FakeVoice)
    record: FakeRecord = field(default_factory=FakeRecord)
    heard: list[model.SessionOutput] = field(default_factory=list)
    habits: SpeechHabits = field(default_factory=SpeechHabits)
    actions: Actions = field(default_factory=Actions)

    def __post_init__(self) -> None:
        self.recognition_link = FakeRecognition()
        self.understander_link = FakeUnderstander(self.table)
        self.client: asyncio.Queue = asyncio.Queue()
        self.draining = asyncio.Event()
        self.watchers: list[Callable[[model.SessionOutput], None]] = []

    # Neighbours
    def recognition(self, info):
        return contextlib.nullcontext(self.recognition_link)

    def understander(self, info):
        return contextlib.nullcontext(self.understander_link)

    def voice(self, info):
        return contextlib.nullcontext(self.voice_link)

    def crm(self, info):
        return contextlib.nullcontext(self.crm_link)

    def consent(self, info):
        return contextlib.nullcontext(self.consent_link)

    async def incoming(self) -> AsyncIterator[model.CallerInput]:
        while (item := await self.client.get()) is not None:
            yield item

    async def emit(self, output: model.SessionOutput) -> None:
        self.heard.append(output)
        for watcher in self.watchers:
            watcher(output)

    async def run(self, script: Callable[["Stage"], object] | None = None) -> None:
        """Run the session while `script` plays the caller."""
        session = Session(
            self.info,
            policy=self.policy,
            neighbours=self,
            record=self.record,
            emit=self.emit,
            limits=self.limits,
            supported_languages=("en-US",),
            phrases=Phrases(),
            habits=self.habits,
            actions=self.actions,
        )
        async with asyncio.TaskGroup() as tasks:
            caller = tasks.create_task(script(self)) if script else None
            try:
                await session.run(self.incoming(), model.Started(self.info, "test"), self.draining)
            finally:
                if caller is not None:
                    caller.cancel()

    async def until(self, kind: type, count: int = 1) -> model.SessionOutput:
        """Wait for the count-th output of a kind."""
        while len(found := [o for o in self.heard if isinstance(o, kind)]) < count:
            await asyncio.sleep(0.01)
        return found[count - 1]

    async def plays(self, turn: int) -> None:
        """The client plays the agent's turn to its end and says so."""
        ended = await self.until(model.AgentEnded, turn)
        assert isinstance(ended, model.AgentEnded)
        await asyncio.sleep(ended.duration)
        self.client.put_nowait(model.Playback(ended.turn_id, ended.duration, finished=True))

    async def plays_turn(self, turn_id: str) -> None:
        """The client plays this turn of the agent to its end and says so."""
        while not (found := [o for o in self.heard if isinstance(o, model.AgentEnded) and o.turn_id == turn_id]):
            await asyncio.sleep(0.01)
        await asyncio.sleep(found[0].duration)
        self.client.put_nowait(model.Playback(turn_id, found[0].duration, finished=True))
        await asyncio.sleep(0.01)

    def texts(self) -> list[str]:
        """Return what the agent said."""
        return [o.text for o in self.heard if isinstance(o, model.AgentBegins)]
