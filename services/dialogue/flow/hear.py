"""What the caller said, answered: each handler takes the turn if it is its own, in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.dialogue.flow.answer import answer_between_tasks, answer_choice, answer_slot, remember
from services.dialogue.flow.expect import (
    awaited_slot,
    awaits_text,
    names_one_of,
    summary_step,
    wanted_slots,
)
from services.dialogue.flow.run import ask_again, await_answer, close, run
from services.dialogue.flow.summary import answer_detail, answer_summary, object_to
from services.dialogue.flow.tasks import answer_switch, begin_task, interrupt
from services.dialogue.flow.turn import FEW_WORDS, WAIT_LEAVE
from services.dialogue.flow.wishes import answer_further, sort_out
from services.dialogue.policy import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.dialogue.flow.turn import Turn


def hear(turn: Turn) -> None:
    """Answer the turn."""
    everything = turn.heard.entities
    rest = sort_out(turn)
    turn.intent = _clear_intent(turn)
    if not any(handler(turn) for handler in _HANDLERS):
        _not_understood(turn)
    answer_further(turn, rest, everything)


def _clear_intent(turn: Turn) -> str:
    """The intent, if it is sure enough to act upon; a question for a whole sentence is not lightly left."""
    heard, settings = turn.heard, turn.script.settings
    if heard.out_of_scope:
        return ""
    sentence = awaits_text(turn) and turn.word_count > FEW_WORDS and not _is_urgent(turn, heard.intent)
    least = settings.sure_confidence if sentence else settings.min_confidence
    return heard.intent if heard.confidence is None or heard.confidence >= least else ""


def _is_urgent(turn: Turn, intent: str) -> bool:
    flow = turn.script.by_intent.get(intent)
    return flow is not None and turn.script.flows[flow].urgent > 0


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
        close(turn, "opted_out")
    else:
        ask_again(turn)
    return True


def _goodbye(turn: Turn) -> bool:
    if turn.intent != "goodbye":
        return False
    if summary_step(turn) is None or turn.state.mode == WAIT_LEAVE:
        close(turn)
        return True
    # Neither a yes nor a no to the summary: ask once more rather than lose it or book it unasked.
    turn.phrase("before_you_go")
    turn.wait_for("")
    turn.change_frame(asked=False)
    run(turn)
    turn.wait_for(WAIT_LEAVE)
    return True


# Courtesies.


def _courtesy(turn: Turn) -> bool:
    """Help, repeat, thanks and greetings: answered, then the question is asked again."""
    courtesy = _COURTESIES.get(turn.intent)
    if courtesy is None or names_one_of(turn, wanted_slots(turn)):
        return False
    courtesy(turn)
    return True


def _repeat(turn: Turn) -> None:
    turn.question(turn.state.last)
    await_answer(turn)


def _help(turn: Turn) -> None:
    _explain(turn)
    ask_again(turn)


def _greet(turn: Turn) -> None:
    if turn.frame is None:
        remember(turn)  # "Hello, this is Sarah Miller"
    ask_again(turn)


def _thank(turn: Turn) -> None:
    turn.phrase("you_are_welcome")
    ask_again(turn)


_COURTESIES: Final[dict[str, Callable[[Turn], None]]] = {
    "help": _help,
    "repeat": _repeat,
    "greet": _greet,
    "thank": _thank,
}


def _explain(turn: Turn) -> None:
    slot = awaited_slot(turn)
    text = turn.script.slots[slot].help if slot else None
    turn.say(text or turn.script.phrases.get("help") or turn.script.phrases["options"])


# Nothing of it was understood.


def _not_understood(turn: Turn) -> None:
    """Ask again, then offer a choice, then a person: never a guess."""
    turn.understood = False
    attempts = turn.state.attempts + 1
    if attempts >= turn.script.settings.max_attempts:
        turn.phrase("no_luck")
        turn.give_to_person("not_understood")
    elif attempts == 1:
        turn.phrase("say_again")
        ask_again(turn)
    elif turn.frame is None:
        turn.phrase("options")
        turn.phrase("or_person")
        await_answer(turn)
    else:
        slot = awaited_slot(turn)
        if slot and turn.script.slots[slot].help is not None:
            _explain(turn)
        turn.phrase("or_person")
        ask_again(turn)


_HANDLERS: Final[tuple[Callable[[Turn], bool], ...]] = (
    interrupt,
    _human,
    _opt_out,
    _goodbye,
    answer_choice,
    answer_switch,
    _courtesy,
    answer_detail,
    answer_summary,
    begin_task,
    answer_slot,
    object_to,
    answer_between_tasks,
)
