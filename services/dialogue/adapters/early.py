"""Early events: what a call is about to become, told while it is on - to fraud and escalation watches.

The only source is what the NLU service says of the caller's words, which are read at the first short pause already,
before anybody knows whether the caller goes on. A call notes what is new and goes on; the events are made later.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER
from voicemesh.events.v1 import early_events_pb2 as pb
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus.early import Make
from mesh.durations import to_duration
from services.dialogue import model
from services.dialogue.adapters.events import CallEvents, set_confidence
from services.dialogue.adapters.redaction import redacted
from services.dialogue.ports import ConsentLink, CrmLink, Neighbours, Recognition, Understander, Voice

_SURE = 0.5
"""An urgent intent that is less likely than not is none."""


@dataclass(frozen=True)
class Signs:
    """When a call may need a person.

    Args:
        urgent: intents that do.
        low: a sentiment that does, from -1 (bad) to 1 (good).
        fall: how far below its best the sentiment must fall.
    """

    urgent: frozenset[str] = frozenset({"emergency", "human"})
    low: float = -0.6
    fall: float = 0.8


class CallWatch:
    """Makes the early events of one call; each turn tells the same thing once.

    Args:
        events: the call's, of which its record learns who calls.
        language: BCP 47 tag of the language it begins in.
    """

    def __init__(self, events: CallEvents, language: str, signs: Signs, tell: Callable[[Make], None]) -> None:
        self._events = events
        self._signs = signs
        self._tell = tell
        self._best: float | None = None
        self._turn_id = ""
        self._told: set[tuple[object, ...]] = set()
        self.language = language

    def understood(self, turn_id: str, heard: model.Heard, understanding: model.Understanding) -> None:
        """The caller's words of a turn, perhaps not all of them, mean this. Takes microseconds."""
        if turn_id != self._turn_id:
            self._turn_id, self._told = turn_id, set()
        final = heard.is_final and not heard.is_speculative
        if self._is_new("utterance", heard.text, final):
            context = self._context("utterance", heard, heard.confidence)
            text = partial(redacted, names=self._events.names, of_card=self._events.of_card)
            self._tell(partial(_heard, context, heard, understanding, text, final=final))
        if self._is_new("intent", understanding.intent, understanding.out_of_scope, final):
            context = self._context("suspicion", heard, understanding.confidence)
            self._tell(partial(_suspected, context, understanding, final=final))
        for reason in self._reasons(understanding):
            if self._is_new("escalation", reason):
                urgent = reason == pb.ESCALATION_REASON_URGENT_INTENT
                context = self._context("escalation", heard, understanding.confidence if urgent else None)
                self._tell(partial(_escalation, context, understanding, reason, self._best))
        if understanding.sentiment is not None:
            self._best = max(understanding.sentiment, -1.0 if self._best is None else self._best)

    def _is_new(self, *what: object) -> bool:
        known = what in self._told
        self._told.add(what)
        return not known

    def _reasons(self, understanding: model.Understanding) -> Iterator[pb.EscalationReason.ValueType]:
        mood, signs = understanding.sentiment, self._signs
        sure = understanding.confidence is None or understanding.confidence >= _SURE
        if understanding.intent in signs.urgent and sure:
            yield pb.ESCALATION_REASON_URGENT_INTENT
        if mood is not None and mood <= signs.low:
            yield pb.ESCALATION_REASON_SENTIMENT_LOW
        if mood is not None and self._best is not None and self._best - mood >= signs.fall:
            yield pb.ESCALATION_REASON_SENTIMENT_FALLING

    def _context(self, kind: str, heard: model.Heard, confidence: float | None) -> EventContext:
        suffix = f"{self._turn_id}.early-{kind}.{len(self._told)}"
        context = self._events.context(
            suffix, datetime.now(UTC), turn_id=self._turn_id, place=heard.start, speaker=SPEAKER_CALLER
        )
        context.language = self.language
        set_confidence(context, confidence)
        return context


def _heard(
    context: EventContext,
    heard: model.Heard,
    understanding: model.Understanding,
    text: Callable[..., str],
    *,
    final: bool,
) -> pb.UtteranceHeard:
    return pb.UtteranceHeard(
        context=context,
        text=text(heard.text, understanding.entities, context.language),
        final=final,
        stability=heard.stability,
        start=to_duration(heard.start),
        end=to_duration(heard.end),
    )


def _suspected(context: EventContext, understanding: model.Understanding, *, final: bool) -> pb.IntentSuspected:
    event = pb.IntentSuspected(
        context=context, intent=understanding.intent, out_of_scope=understanding.out_of_scope, final=final
    )
    if understanding.sentiment is not None:
        event.sentiment.score = understanding.sentiment
    return event


def _escalation(
    context: EventContext,
    understanding: model.Understanding,
    reason: pb.EscalationReason.ValueType,
    best: float | None,
) -> pb.EscalationSuspected:
    event = pb.EscalationSuspected(context=context, reason=reason, intent=understanding.intent)
    if understanding.sentiment is not None:
        event.sentiment.score = understanding.sentiment
    if best is not None:
        event.sentiment_before.score = best
    return event


class WatchedUnderstander:
    """An understander whose answers are told on."""

    def __init__(self, understander: Understander, watch: CallWatch) -> None:
        self._understander = understander
        self._watch = watch

    async def understand(self, turn_id: str, heard: model.Heard) -> model.Understanding:
        """Return what a turn means; raises what the understander raises."""
        understanding = await self._understander.understand(turn_id, heard)
        self._watch.understood(turn_id, heard, understanding)
        return understanding

    async def expect(self, expectation: model.Expectation, language: str) -> None:
        """Say what the conversation waits for from now on."""
        self._watch.language = language or self._watch.language
        await self._understander.expect(expectation, language)


@dataclass(frozen=True)
class WatchedNeighbours:
    """Neighbours with an eye on what the caller seems to want."""

    neighbours: Neighbours
    signs: Signs
    tell: Callable[[Make], None]
    """Takes what makes an early event; never waits."""
    calls: Mapping[str, CallEvents]
    """The events of the calls that have a record here, by session: they know who calls."""

    @contextlib.asynccontextmanager
    async def understander(self, info: model.SessionInfo) -> AsyncIterator[Understander]:
        """Open the stream to the NLU service."""
        async with self.neighbours.understander(info) as made:
            events = self.calls.get(info.session_id) or CallEvents(info)
            yield WatchedUnderstander(made, CallWatch(events, info.language, self.signs, self.tell))

    def recognition(self, info: model.SessionInfo) -> AbstractAsyncContextManager[Recognition]:
        """Open the stream to the recogniser."""
        return self.neighbours.recognition(info)

    def voice(self, info: model.SessionInfo) -> AbstractAsyncContextManager[Voice]:
        """Open the stream to the TTS service."""
        return self.neighbours.voice(info)

    def crm(self, info: model.SessionInfo) -> AbstractAsyncContextManager[CrmLink]:
        """Open the stream to the CRM gateway."""
        return self.neighbours.crm(info)

    def consent(self, info: model.SessionInfo) -> AbstractAsyncContextManager[ConsentLink]:
        """Open the stream to the consent service."""
        return self.neighbours.consent(info)
