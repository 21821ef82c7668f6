"""Tasks begun, interrupted, exchanged and given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.flow.expect import awaited_slot, awaits_text, names_one_of, summary_step, wanted_slots
from services.dialogue.flow.fill import take
from services.dialogue.flow.run import ask_again, ask_switch, await_answer, run, start
from services.dialogue.flow.turn import FEW_WORDS, WAIT_SWITCH
from services.dialogue.policy import Slot

if TYPE_CHECKING:
    from services.dialogue.flow.turn import Turn


def changes_subject(turn: Turn) -> bool:
    """Whether the caller wants another flow than the running one.

    Where the turn answers the open question as well, the intent must be surer than usual.
    """
    flow = turn.script.by_intent.get(turn.intent)
    if flow is None or (turn.flow is not None and flow == turn.flow.name):
        return False
    step, awaited = summary_step(turn), awaited_slot(turn)
    names = step.slots if step is not None else (awaited,) * bool(awaited)
    sure = turn.heard.confidence is None or turn.heard.confidence >= turn.script.settings.sure_confidence
    return sure or turn.frame is None or not names_one_of(turn, names)


def interrupt(turn: Turn) -> bool:
    """Begin an urgent flow at once, whatever runs; what is interrupted goes on afterwards, if the call does."""
    name = turn.script.by_intent.get(turn.intent)
    urgency = turn.script.flows[name].urgent if name is not None else 0
    running = max((turn.script.flows[frame.flow].urgent for frame in turn.state.frames), default=0)
    if name is None or urgency <= running:
        return False
    begin(turn, name, turn.intent, digression=bool(turn.state.frames))
    return True


def begin_task(turn: Turn) -> bool:
    """Begin what the caller wants; where a task would be lost by it, ask first."""
    if not changes_subject(turn):
        return False
    name = turn.script.by_intent[turn.intent]
    below = next((index for index, frame in enumerate(turn.state.frames) if frame.flow == name), None)
    if below is not None:  # back to what was interrupted
        turn.set(frames=turn.state.frames[: below + 1])
        turn.wait_for("")
        ask_again(turn)
    elif turn.script.flows[name].information and turn.frame is not None:
        digress(turn, name)
    elif turn.frame is None or (_is_bare(turn) and not awaits_text(turn)):
        turn.set(frames=())
        begin(turn, name, turn.intent)
    else:
        kept = _keep_sentence(turn)
        ask_switch(turn, name)
        turn.set(choices=kept)
    return True


def _keep_sentence(turn: Turn) -> tuple[str, ...]:
    """A sentence that was asked for may be the answer after all: its slot, filled."""
    if not awaits_text(turn) or turn.word_count <= FEW_WORDS:
        return ()
    slot = awaited_slot(turn)
    turn.put(Slot(slot, turn.heard.text.strip(), turn.heard.text, "text"))
    return (slot,)


def begin(turn: Turn, name: str, intent: str, *, digression: bool = False) -> None:
    """Begin a flow with what the turn says already."""
    start(turn, name, intent=intent, digression=digression)
    if not turn.script.flows[name].information:
        turn.accept_offers()
    if take(turn, turn.script.flows[name].slots):
        await_answer(turn)
    else:
        run(turn)


def digress(turn: Turn, name: str) -> None:
    """Answer a question in the middle of a task; an earlier question that is still open is dropped."""
    frames = turn.state.frames
    cut = next((index for index, frame in enumerate(frames) if frame.digression), len(frames))
    turn.set(frames=frames[:cut])
    begin(turn, name, turn.intent, digression=bool(turn.state.frames))


def _is_bare(turn: Turn) -> bool:
    """Whether nothing the caller said would be lost with the running task."""
    own = [turn.state.slot(name) for name in wanted_slots(turn)]
    return not any(slot is not None and slot.raw and not turn.script.slots[slot.name].keep for slot in own)


def answer_switch(turn: Turn) -> bool:
    """Yes or no to leaving the running task for another."""
    if turn.state.mode != WAIT_SWITCH:
        return False
    target = turn.state.target
    if turn.intent == "affirm" or turn.script.by_intent.get(turn.intent) == target:
        turn.drop(turn.state.choices)  # a sentence that was no answer
        turn.set(frames=())
        begin(turn, target, next(iter(turn.script.flows[target].intents), ""))
        return True
    if not turn.intent and not turn.heard.entities:
        return False  # not understood: the same question again
    turn.wait_for("")
    if turn.intent != "deny" or turn.heard.entities:
        return False  # it may answer the question before this one
    turn.progressed = True
    ask_again(turn)
    return True


def drop_task(turn: Turn) -> None:
    """Give the running task up, with what called it; one that it interrupted goes on."""
    frames = turn.state.frames
    while len(frames) > 1 and not frames[-1].digression:
        frames = frames[:-1]
    turn.set(frames=frames[:-1])
    turn.progressed = True
    turn.wait_for("")
    turn.phrase("dropped")
    turn.change_frame(asked=True)
    run(turn)
