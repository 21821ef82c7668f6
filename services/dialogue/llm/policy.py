"""A policy that lets a language model find the words, with the flow engine beside it.

The flows greet, prompt after silence, lead what they were begun for until it is done, and take every turn for which the
model has no usable answer. What has consequences is guarded as everywhere: the model only names an action, the session
does it. Events are the flows' alone: the model begins a flow, which asks, confirms and acts.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace

from mesh import logs, telemetry
from services.dialogue import metrics
from services.dialogue.llm.history import agent_said, called, caller_said, heard_only, last_role, messages, resulted
from services.dialogue.llm.model import ChatModel, Finished, ModelError, Piece, ToolCall, Words
from services.dialogue.llm.prompt import Prompts
from services.dialogue.llm.sentences import Sentences
from services.dialogue.llm.tools import Toolbox
from services.dialogue.policy import (
    Action,
    ActionResult,
    CallInfo,
    DomainInfo,
    Expectation,
    Policy,
    Reply,
    State,
    Understanding,
)
from services.dialogue.streaming import Draft, StreamingPolicy

_log = logs.get_logger(__name__)
_tracer = telemetry.tracer(__name__)
_MOST_CHARACTERS = 2000
"""Of an answer: two minutes of speech."""
_ALWAYS_FLOWS = frozenset({"human", "opt_out"})
"""What the caller has a right to is left to no model."""
_SURE = 0.6
_FLOW = "flow"
_TOLD = "information_given"


@dataclass(frozen=True)
class Patience:
    """How long a model is waited for, in seconds."""

    first_token_s: float = 2.0
    answer_s: float = 15.0


@dataclass
class _Talk:
    """An answer under way."""

    state: State
    """With the caller's words or an action's result, without the agent's words."""
    parts: Sentences = field(default_factory=Sentences)
    sentences: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    characters: int = 0

    def draft(self) -> Draft:
        """The answer as far as it is known."""
        reply = Reply(tuple(self.sentences), Expectation(text=True))
        return Draft(agent_said(self.state, self.sentences), reply, done=False)

    def take(self, piece: Piece) -> bool:
        """Take a piece; say whether there is a new sentence."""
        new: list[str] = []
        if isinstance(piece, Words):
            self.characters += len(piece.text)
            new = self.parts.add(piece.text)
        elif isinstance(piece, ToolCall):
            self.calls.append(piece)
        elif rest := self.parts.rest():
            # Of an answer that was cut the last sentence is half a one.
            new = [] if piece.cut and self.sentences else [rest]
        self.sentences += new
        return bool(new)


class LanguageModelPolicy(StreamingPolicy):
    """Streams a model's words; the flow engine takes over where it cannot be used.

    Args:
        flows: the policy beside it.
        model: finds the words.
        toolbox: what the model may call, by domain and language.
        prompts: what the model is told first.
        patience: how long it is waited for.
    """

    def __init__(
        self,
        flows: Policy,
        model: ChatModel,
        toolbox: Callable[[str, str], Toolbox],
        prompts: Prompts,
        patience: Patience | None = None,
    ) -> None:
        self._flows = flows
        self._model = model
        self._toolbox = toolbox
        self._prompts = prompts
        self._patience = patience or Patience()

    # What the flows do.

    def domains(self) -> tuple[DomainInfo, ...]:
        """The domains that the flows have."""
        return self._flows.domains()

    def start(self, call: CallInfo) -> tuple[State, Reply]:
        """Greet as the flows do: no model is waited for."""
        return _by_flow(*self._flows.start(call))

    def respond(self, state: State, understanding: Understanding, call: CallInfo) -> tuple[State, Reply]:
        """Answer as the flows do."""
        return _by_flow(*self._flows.respond(caller_said(state, understanding.text), understanding, call))

    def on_action(self, state: State, result: ActionResult, call: CallInfo) -> tuple[State, Reply]:
        """Go on as the flows do."""
        return _by_flow(*self._flows.on_action(state, result, call))

    def on_silence(self, state: State, count: int) -> tuple[State, Reply]:
        """Prompt as the flows do, with the last question."""
        after, reply = self._flows.on_silence(state, count)
        return agent_said(after, reply.sentences), reply

    def read_keys(self, state: State, keys: str, call: CallInfo) -> Understanding:
        """What keys mean to the flow that leads."""
        return self._flows.read_keys(state, keys, call)

    def abandon(self, state: State) -> str:
        """What the flows achieved."""
        return self._flows.abandon(state)

    def summarise(self, state: State, disposition: str) -> str:
        """What the flows say of the call."""
        return self._flows.summarise(state, disposition)

    # What the model does.

    async def answer(self, state: State, understanding: Understanding, call: CallInfo) -> AsyncGenerator[Draft, None]:
        """Answer a caller's turn, sentence by sentence; see `StreamingPolicy`."""
        toolbox = self._toolbox(state.domain, state.language)
        if _is_flows(state, understanding, toolbox.urgent):
            yield Draft(*self.respond(state, understanding, call))
            return
        heard = caller_said(state, understanding.text)
        talk = _Talk(_counted(heard, understanding, toolbox.answers))
        async with contextlib.aclosing(self._talk(talk, heard, understanding, call)) as drafts:
            async for draft in drafts:
                yield draft

    async def answer_action(self, state: State, result: ActionResult, call: CallInfo) -> AsyncGenerator[Draft, None]:
        """Go on after an action; see `StreamingPolicy`."""
        if last_role(state.history) != "call":
            yield Draft(*self.on_action(state, result, call))
            return
        spec = self._toolbox(state.domain, state.language).actions.get(state.history[-1].name)
        after = resulted(state, _told(result))
        # Without the model nobody can tell what was changed: a person has to.
        intent = "human" if spec is not None and spec.effect else ""
        words = next((entry.text for entry in reversed(state.history) if entry.role == "caller"), "")
        understanding = Understanding(words, intent, 1.0 if intent else None, out_of_scope=not intent)
        async with contextlib.aclosing(self._talk(_Talk(after), after, understanding, call)) as drafts:
            async for draft in drafts:
                yield draft

    def on_interrupted(self, state: State, said: str, heard: str) -> State:
        """Keep of the agent's last turn what the caller heard."""
        return heard_only(state, said, heard)

    async def _talk(
        self, talk: _Talk, before: State, understanding: Understanding, call: CallInfo
    ) -> AsyncGenerator[Draft, None]:
        """Let the model answer; where it does not, let the flows, behind what was said already.

        Args:
            before: the state that the flows answer in.
        """
        result = "cancelled"
        span = _tracer.start_span("model")
        try:
            async with contextlib.aclosing(self._pieces(talk.state, call)) as pieces:
                async for piece in pieces:
                    if talk.take(piece):
                        yield talk.draft()
                    if talk.characters > _MOST_CHARACTERS:
                        talk.take(Finished(cut=True))
                        break
            draft, result = self._whole(talk, before, understanding, call), "done"
        except ModelError as error:
            result = error.reason
            metrics.MODEL_FALLBACKS.labels(error.reason).inc()
            _log.warning("model.fell_back", reason=error.reason, detail=error.detail, said=len(talk.sentences))
            draft = self._with_flows(talk, before, understanding, call)
        finally:
            span.set_attribute("voicemesh.result", result)
            span.end()
        yield draft

    async def _pieces(self, state: State, call: CallInfo) -> AsyncGenerator[Piece, None]:
        """Yield the model's answer.

        Raises:
            ModelError: it comes too late or not at all.
        """
        loop = asyncio.get_running_loop()
        began, first = loop.time(), True
        chat = messages(state, self._prompts.system(call))
        tools = self._toolbox(state.domain, state.language).tools()
        async with contextlib.aclosing(self._model.stream(chat, tools)) as stream:
            while True:
                limit = min(self._patience.first_token_s, self._patience.answer_s) if first else self._patience.answer_s
                try:
                    async with asyncio.timeout_at(began + limit):
                        piece = await anext(stream, None)
                except TimeoutError:
                    reason = "first_token_timeout" if first else "timeout"
                    raise ModelError(reason, f"nothing came within {limit:g} s") from None
                if piece is None:
                    raise ModelError("broken_stream", "the answer has no end")
                if first:
                    metrics.MODEL_FIRST_TOKEN_SECONDS.observe(loop.time() - began)
                first = False
                yield piece
                if isinstance(piece, Finished):
                    return

    def _whole(self, talk: _Talk, before: State, understanding: Understanding, call: CallInfo) -> Draft:
        """Return the answer, now that all of it is known.

        Raises:
            ModelError: `empty`, `unknown_tool`, `bad_arguments`.
        """
        toolbox = self._toolbox(talk.state.domain, talk.state.language)
        if not talk.calls:
            if not talk.sentences:
                raise ModelError("empty", "the answer has no words")
            return Draft(_asked(agent_said(talk.state, talk.sentences), talk.sentences), talk.draft().reply)
        intents = [intent for one in talk.calls if (intent := toolbox.intent_of(one))]
        if intents:
            meant = replace(understanding, intent=intents[0], confidence=1.0, out_of_scope=False)
            return self._with_flows(talk, before, meant, call)
        if len(talk.calls) > 1:
            _log.info("model.calls_dropped", dropped=len(talk.calls) - 1)
        spec, arguments = toolbox.action_of(talk.calls[0])
        state = called(agent_said(talk.state, talk.sentences), talk.calls[0])
        action = Action(spec.name, arguments, effect=spec.effect)
        return Draft(state, Reply(tuple(talk.sentences), Expectation(text=True), action=action))

    def _with_flows(self, talk: _Talk, before: State, understanding: Understanding, call: CallInfo) -> Draft:
        """Let the flows go on behind what was said; where that ends the call, the model's own words do."""
        state, reply = self._flows.respond(before, understanding, call)
        said = tuple(talk.sentences)
        closing = reply.end and said and understanding.intent in {"goodbye", "human"}
        effective = reply.effective_after
        whole = replace(
            reply,
            sentences=said if closing else said + reply.sentences,
            effective_after=None if closing or effective is None else len(said) + effective,
        )
        return Draft(*_by_flow(state, whole))


def _is_flows(state: State, understanding: Understanding, urgent: frozenset[str]) -> bool:
    """Return whether the flows answer: one of them leads, or the caller wants what they alone may give."""
    sure = understanding.confidence is None or understanding.confidence >= _SURE
    return state.ended or state.led_by == _FLOW or (understanding.intent in _ALWAYS_FLOWS | urgent and sure)


def _by_flow(state: State, reply: Reply) -> tuple[State, Reply]:
    """Note the words of the flows, and whether one of them leads now."""
    leads = bool(state.frames) and not reply.end
    return replace(agent_said(state, reply.sentences), led_by=_FLOW if leads else ""), reply


def _counted(state: State, understanding: Understanding, answers: frozenset[str]) -> State:
    """Count a turn that the model answers; who asked a question that the domain knows of was told something."""
    state = replace(state, turns=state.turns + 1, attempts=0, stalls=0)
    sure = understanding.confidence is None or understanding.confidence >= _SURE
    if understanding.intent not in answers or not sure or understanding.out_of_scope:
        return state
    served = tuple(dict.fromkeys((*state.served, understanding.intent)))
    return replace(state, served=served, dispositions=tuple(dict.fromkeys((*state.dispositions, _TOLD))))


def _asked(state: State, sentences: list[str]) -> State:
    """Note what is repeated after silence, or when the caller asks for it."""
    question = (sentences[-1],) if sentences[-1].endswith("?") else ()
    return replace(state, last=tuple(sentences), question=question)


def _told(result: ActionResult) -> str:
    """Return a result as the model reads it. Why it failed is for the log, not for the caller."""
    return json.dumps({"failed": True} if result.error else dict(result.values), ensure_ascii=False)
