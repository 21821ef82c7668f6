"""What the caller said, answered: each handler takes the turn if it is its own, in this order."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.expect import awaited_slot, summary_step
from services.dialogue.flow.fill import CORRECTING, named_values, refusal, slot_from, take
from services.dialogue.flow.run import ask_again, ask_slot, ask_switch, await_answer, run, start
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_DETAIL, WAIT_LEAVE, WAIT_SWITCH
from services.dialogue.policy import Outcome, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.dialogue.flow.schema import Confirm, Flow
    from services.dialogue.flow.turn import Turn

_FEW_WORDS: Final = 3
"""Up to so many words "hello" or "no" is no sentence worth keeping as an answer."""


def hear(turn: Turn) -> None:
    """Answer the turn."""
    turn.intent = _clear_intent(turn)
    for handler in _HANDLERS:
        if handler(turn):
            return
    _not_understood(turn)


def _clear_intent(turn: Turn) -> str:
    """The intent, if it is sure enough to act upon; a question for a whole sentence is not lightly left."""
    heard, settings = turn.heard, turn.script.settings
    if heard.out_of_scope:
        return ""
    least = (
        settings.sure_confidence if _awaits_text(turn) and _word_count(turn) > _FEW_WORDS else (settings.min_confidence)
    )
    return heard.intent if heard.confidence is None or heard.confidence >= least else ""


def _word_count(turn: Turn) -> int:
    return len(turn.heard.text.split())


def _awaits_text(turn: Turn) -> bool:
    slot = awaited_slot(turn)
    return bool(slot) and turn.script.slots[slot].type == "text"


# Ways out of the call.


def _human(turn: Turn) -> bool:
    if turn.intent != "human":
        return False
    turn.phrase("hand_over")
    turn.give_to_person("caller_asked")
    return True


def _opt_out(turn: Turn) -> bool:
    if turn.intent != "opt_out":
        return False
    if "opted_out" not in turn.state.dispositions:
        channel = turn.script.settings.opt_out_channel
        turn.act(Outcome("OptOutRequested", {"channel": channel}, turn.heard.confidence, intent="opt_out"))
        turn.set(served=(*turn.state.served, "opt_out"))
        turn.achieve("opted_out")
        turn.progressed = True
    turn.phrase("opted_out")
    turn.hold_floor()
    if turn.call is not None and turn.call.direction == "outbound":
        turn.phrase("goodbye")
        turn.finish("opted_out")
    else:
        ask_again(turn)
    return True


def _goodbye(turn: Turn) -> bool:
    if turn.intent != "goodbye":
        return False
    if summary_step(turn) is not None and turn.state.mode != WAIT_LEAVE:
        # Neither a yes nor a no to the summary: ask once more rather than lose it or book it unasked.
        turn.phrase("before_you_go")
        turn.wait_for("")
        ask_again(turn)
        turn.wait_for(WAIT_LEAVE)
        return True
    _close(turn)
    return True


def _close(turn: Turn) -> None:
    turn.phrase("goodbye")
    turn.finish()


# Answers to questions of the engine itself.


def _choose(turn: Turn) -> bool:
    """One of several readings: named again, or told apart by a word only it has ("in the morning")."""
    if turn.state.mode != WAIT_CHOICE:
        return False
    slot, choices = turn.state.target, turn.state.choices
    named = [value for value in choices if value in named_values(turn, slot)]
    if len(named) != 1:
        named = _told_apart(turn, slot, choices)
    if len(named) != 1:
        return False
    turn.put(slot_from(turn, slot, named[0], turn.heard.entities))
    turn.wait_for("")
    run(turn)
    return True


def _told_apart(turn: Turn, slot: str, choices: tuple[str, ...]) -> list[str]:
    words = {value: _words(turn.spoken_form(slot, value)) for value in choices}
    shared = set.intersection(*words.values()) if words else set()
    said = _words(turn.heard.text)
    return [value for value in choices if said & (words[value] - shared)]


def _words(text: str) -> set[str]:
    return set(_word_list(text))


def _word_list(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _switch(turn: Turn) -> bool:
    if turn.state.mode != WAIT_SWITCH:
        return False
    target = turn.state.target
    if turn.intent == "affirm" or turn.script.by_intent.get(turn.intent) == target:
        intents = turn.script.flows[target].intents
        _replace(turn, target, turn.intent if turn.intent in intents else next(iter(intents), ""))
        return True
    turn.wait_for("")
    if turn.intent == "deny" and not turn.heard.entities:
        turn.progressed = True
        ask_again(turn)
        return True
    return False


# Courtesies.


def _courtesy(turn: Turn) -> bool:
    """Help, repeat, thanks and greetings: answered, then the question is asked again."""
    if turn.intent not in _COURTESIES or _names_something(turn):
        return False
    if turn.intent in {"greet", "thank"} and _awaits_text(turn) and _word_count(turn) > _FEW_WORDS:
        return False
    if turn.intent == "repeat":
        turn.question(turn.state.last)
        await_answer(turn)
        return True
    if turn.intent == "thank":
        turn.phrase("you_are_welcome")
    elif turn.intent == "help":
        _help(turn)
    ask_again(turn)
    return True


_COURTESIES: Final = frozenset({"help", "repeat", "greet", "thank"})


def _help(turn: Turn) -> None:
    slot = awaited_slot(turn)
    text = turn.script.slots[slot].help if slot else None
    turn.say(text or turn.script.phrases.get("help") or turn.script.phrases["options"])


def _names_something(turn: Turn) -> bool:
    """Whether an entity of the turn belongs to the running flow."""
    types = {turn.script.slots[name].type for name in _wanted(turn)}
    return any(entity.type in types for entity in turn.heard.entities)


def _wanted(turn: Turn) -> tuple[str, ...]:
    """Slots of the running flow and of those it was called from, up to the one it interrupts."""
    names: list[str] = []
    for frame in reversed(turn.state.frames):
        names.extend(turn.script.flows[frame.flow].slots)
        if frame.digression:
            break
    return tuple(dict.fromkeys(names))


# Answers to a summary.


def _summary(turn: Turn) -> bool:
    step = summary_step(turn)
    if step is None or _surely_new(turn):
        return False
    if take(turn, tuple(dict.fromkeys((*step.slots, *_wanted(turn))))):
        await_answer(turn)
    elif turn.changed:
        turn.wait_for("")
        run(turn)
    elif turn.intent == "affirm" and turn.state.mode != WAIT_DETAIL:
        _confirmed(turn, step)
    elif turn.intent == "deny" and turn.state.mode == WAIT_DETAIL:
        _drop_task(turn)
    elif slot := _named_slot(turn, step):
        turn.drop([slot])
        turn.progressed = True
        ask_slot(turn, slot)
    elif turn.intent in CORRECTING and not turn.same:
        turn.wait_for(WAIT_DETAIL)
        ask_again(turn)
    elif turn.same:
        turn.wait_for("")
        ask_again(turn)
    else:
        return False
    return True


def _confirmed(turn: Turn, step: Confirm) -> None:
    """The caller said yes: the values are as sure as that yes."""
    sure = turn.heard.confidence
    slots = tuple(
        dataclasses.replace(slot, confirmed=True, confidence=max(sure or 0.0, slot.confidence or 0.0) or None)
        if slot.name in step.slots
        else slot
        for slot in turn.state.slots
    )
    turn.set(slots=slots)
    turn.progressed = True
    turn.wait_for("")
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)
    run(turn)


def _named_slot(turn: Turn, step: Confirm) -> str:
    """A slot of the summary that the caller calls by its name: "the day is wrong"."""
    if turn.intent == "affirm":
        return ""
    said = f" {' '.join(_word_list(turn.heard.text))} "
    named = [
        slot for slot in step.slots if any(f" {name.casefold()} " in said for name in turn.script.slots[slot].called)
    ]
    return named[0] if len(named) == 1 else ""


def _drop_task(turn: Turn) -> None:
    """Give the running task up; one it interrupted goes on."""
    frames = turn.state.frames
    while frames and not frames[-1].digression and len(frames) > 1:
        frames = frames[:-1]
    turn.set(frames=frames[:-1])
    turn.progressed = True
    turn.wait_for("")
    turn.phrase("dropped")
    run(turn)


# New tasks and questions.


def _surely_new(turn: Turn) -> bool:
    """Whether the caller changes the subject, for sure where the turn could answer the question as well."""
    flow = turn.script.by_intent.get(turn.intent)
    if flow is None or (turn.flow is not None and flow in {frame.flow for frame in turn.state.frames}):
        return False
    answers = bool(turn.frame) and _answers(turn)
    sure = turn.heard.confidence is None or turn.heard.confidence >= turn.script.settings.sure_confidence
    return not answers or sure


def _answers(turn: Turn) -> bool:
    step, awaited = summary_step(turn), awaited_slot(turn)
    names = step.slots if step is not None else ((awaited,) if awaited else ())
    types = {turn.script.slots[name].type for name in names}
    return any(entity.type in types for entity in turn.heard.entities)


def _new_task(turn: Turn) -> bool:
    if not _surely_new(turn):
        return False
    name = turn.script.by_intent[turn.intent]
    flow = turn.script.flows[name]
    if turn.frame is None:
        _begin(turn, flow)
    elif flow.information:
        _digress(turn, flow)
    elif _is_bare(turn):
        _replace(turn, name, turn.intent)
    else:
        ask_switch(turn, name)
    return True


def _begin(turn: Turn, flow: Flow, *, digression: bool = False) -> None:
    start(turn, flow.name, intent=turn.intent, digression=digression)
    if take(turn, flow.slots):
        await_answer(turn)
    else:
        run(turn)


def _digress(turn: Turn, flow: Flow) -> None:
    """Answer a question in the middle of a task; an earlier question is thereby dropped."""
    frames = turn.state.frames
    cut = next((index for index, frame in enumerate(frames) if frame.digression), len(frames))
    turn.set(frames=frames[:cut])
    _begin(turn, flow, digression=True)


def _is_bare(turn: Turn) -> bool:
    """Whether nothing would be lost with the running task."""
    own = [turn.state.slot(name) for name in _wanted(turn)]
    return not any(slot is not None and slot.raw and not turn.script.slots[slot.name].keep for slot in own)


def _replace(turn: Turn, name: str, intent: str) -> None:
    """Leave the running task for another."""
    turn.set(frames=())
    turn.intent = intent
    _begin(turn, turn.script.flows[name])


# Information.


def _answer(turn: Turn) -> bool:
    """The answer to a slot's question, and whatever else was said with it."""
    if turn.frame is None:
        return False
    awaited = awaited_slot(turn)
    if _awaits_text(turn) and _is_sentence(turn):
        take(turn, _wanted(turn), overwrite=False)
        turn.put(Slot(awaited, turn.heard.text.strip(), turn.heard.text, "text"))
    elif take(turn, _wanted(turn) if turn.intent else (awaited,) * bool(awaited), awaited):
        await_answer(turn)
        return True
    if turn.changed:
        turn.wait_for("") if awaited in turn.changed or turn.state.mode != WAIT_CHOICE else None
        run(turn)
        return True
    if turn.same or (turn.flow is not None and turn.intent in turn.flow.intents):
        ask_again(turn)
        return True
    return _skip(turn)


def _is_sentence(turn: Turn) -> bool:
    """Whether the words can stand as a free answer: no bare yes or no, and no correction of another slot."""
    if turn.intent == "correct" and _names_something(turn):
        return False
    short = turn.intent in {"affirm", "deny", "greet", "thank"} and _word_count(turn) <= _FEW_WORDS
    return bool(turn.heard.text.strip()) and not short


def _skip(turn: Turn) -> bool:
    """ "No" to a question that may stay unanswered."""
    step = turn.instruction
    if turn.intent != "deny" or turn.state.mode or not getattr(step, "optional", False):
        return False
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)
    turn.progressed = True
    run(turn)
    return True


# Between two tasks.


def _idle(turn: Turn) -> bool:
    if turn.frame is not None:
        return False
    if turn.intent in CORRECTING and _mend(turn):
        return True
    if turn.intent == "deny" and turn.state.served:
        _close(turn)
    elif turn.intent in {"affirm", "deny"} or (turn.intent == "inform" and _remember(turn)):
        turn.phrase("options")
        await_answer(turn)
    else:
        return False
    return True


def _mend(turn: Turn) -> bool:
    """A correction after the task's end: the flow that mends it begins with the values known so far."""
    last = turn.script.flows.get(turn.state.last_flow)
    types = {turn.script.slots[name].type for name in last.slots} if last else set()
    if last is None or not any(entity.type in types for entity in turn.heard.entities):
        return False
    mending = turn.script.flows[last.after_correction or last.name]
    turn.set(spent=tuple(name for name in turn.state.spent if name not in mending.slots))
    start(turn, mending.name, intent=next(iter(mending.intents), ""))
    if take(turn, mending.slots):
        await_answer(turn)
    else:
        run(turn)
    return True


def _remember(turn: Turn) -> bool:
    """Keep what is said before the task is known, where only one slot can hold it."""
    tasks = [slot for flow in turn.script.flows.values() if not flow.information for slot in flow.slots]
    by_type: dict[str, set[str]] = {}
    for slot in tasks:
        by_type.setdefault(turn.script.slots[slot].type, set()).add(slot)
    for name in (name for names in by_type.values() if len(names) == 1 for name in names):
        values = named_values(turn, name) if name not in turn.state.spent else []
        if len(values) == 1 and refusal(turn, name, values[0]) is None:
            turn.put(slot_from(turn, name, values[0], turn.heard.entities))
    return bool(turn.changed)


def _not_understood(turn: Turn) -> None:
    """Ask again, then offer a choice, then a person: never a guess."""
    turn.understood = False
    attempts = turn.state.attempts + 1
    if attempts >= turn.script.settings.max_attempts:
        turn.phrase("no_luck")
        turn.give_to_person("not_understood")
        return
    if attempts == 1:
        turn.phrase("say_again")
        ask_again(turn)
    elif turn.frame is None:
        turn.phrase("options")
        turn.phrase("or_person")
        await_answer(turn)
    else:
        _help(turn) if awaited_slot(turn) and turn.script.slots[awaited_slot(turn)].help else None
        turn.phrase("or_person")
        ask_again(turn)


_HANDLERS: Final[tuple[Callable[[Turn], bool], ...]] = (
    _human,
    _opt_out,
    _goodbye,
    _choose,
    _switch,
    _courtesy,
    _summary,
    _new_task,
    _answer,
    _idle,
)
