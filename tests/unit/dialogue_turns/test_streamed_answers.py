"""Answers that come sentence by sentence, on virtual time: spoken while the rest is found, broken off with the turn."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fakes.clinic_call import POLICY, greeted, outputs, played
from fakes.conversation import Stage
from unit.dialogue_turns.test_actions_in_turns import Calendar, says, texts

from services.dialogue import model
from services.dialogue.llm.knowledge import toolboxes
from services.dialogue.llm.model import ChatModel, Finished, Message, ModelError, Piece, Tool, ToolCall, Words
from services.dialogue.llm.policy import LanguageModelPolicy, Patience
from services.dialogue.llm.prompt import Prompts

Script = Sequence[Piece | float | ModelError]
"""Pieces of an answer, seconds between them, failures."""


class ScriptedModel(ChatModel):
    """Gives its answers in their order, the last one again and again."""

    def __init__(self, *answers: Script) -> None:
        self.answers = answers
        self.chats: list[Sequence[Message]] = []
        self.broken_off = 0

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[Piece, None]:
        self.chats.append(messages)
        done = False
        try:
            for item in self.answers[min(len(self.chats), len(self.answers)) - 1]:
                match item:
                    case float():
                        await asyncio.sleep(item)
                    case ModelError():
                        done = True
                        raise item
                    case _:
                        done = isinstance(item, Finished)
                        yield item
        finally:
            self.broken_off += not done


def no_script(_domain: str, _language: str) -> None:
    """No flows are known: the tools are the actions alone."""


def policy(chat: ScriptedModel, calendar: Calendar | None = None) -> LanguageModelPolicy:
    actions = (calendar or Calendar()).actions(arguments={"day": "the day"})
    return LanguageModelPolicy(POLICY, chat, toolboxes(no_script, actions), Prompts(no_script), Patience(2.0, 15.0))


def converse(chat: ScriptedModel, script: Any, calendar: Calendar | None = None) -> Stage:
    calendar = calendar or Calendar()
    actions = calendar.actions(arguments={"day": "the day"})
    return played(script, policy=policy(chat, calendar), actions=actions)


def said(chat: ScriptedModel, turn: int = -1) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in chat.chats[turn][1:]]


SLOW = (
    0.3,
    Words("It does not hurt. "),
    Words("We"),
    2.0,
    Words(" can do it today. "),
    1.0,
    Words("Fine?"),
    Finished(),
)


def test_the_first_sentence_is_spoken_while_the_rest_is_found():
    chat = ScriptedModel(SLOW)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "Does it hurt?", 5.0, 6.0)
        await asyncio.sleep(0.5)
        assert [o.text for o in outputs(s, model.AgentBegins)][1:] == ["It does not hurt."]
        assert [o.words[0].text for o in outputs(s, model.AgentAudio) if o.turn_id == "a2"] == ["It"]
        assert not [o for o in outputs(s, model.AgentEnded) if o.turn_id == "a2"]
        await s.plays_turn("a2")

    s = converse(chat, script)
    assert texts(s) == ["It does not hurt. We can do it today. Fine?"]
    assert ("spoke", "a2", "It does not hurt. We can do it today. Fine?") in s.record.log
    assert ("took_effect", "a2", ()) in s.record.log
    assert s.understander_link.expectations[-1].text
    assert chat.broken_off == 0


def test_a_caller_who_talks_over_it_ends_the_request_and_history_holds_what_was_heard():
    chat = ScriptedModel(SLOW, (Words("Of course."), Finished()))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "Does it hurt?", 5.0, 6.0)
        await s.until(model.AgentAudio, 3)
        s.client.put_nowait(model.Playback("a2", 0.5, finished=False))
        await asyncio.sleep(1.2)
        s.recognition_link.begins(8.0, "What are")
        s.recognition_link.ends("What are your hours?", 9.0, start=8.0)
        await s.plays_turn("a3")

    s = converse(chat, script)
    assert chat.broken_off == 1
    assert said(chat) == [
        ("assistant", "Bright Smile Dental. How can I help?"),
        ("user", "Does it hurt?"),
        ("assistant", "It does"),
        ("user", "What are your hours?"),
    ]
    assert ("spoke", "a2", "It does") in s.record.log
    assert texts(s)[-1] == "Of course."


def test_words_that_follow_at_once_take_the_answer_back():
    chat = ScriptedModel(SLOW, (Words("At ten."), Finished()))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "I'd like a cleaning.", 5.0, 6.0)
        await asyncio.sleep(0.5)
        s.recognition_link.begins(6.6, "on Tuesday.")
        s.recognition_link.ends("on Tuesday.", 7.1, start=6.6)
        await s.plays_turn("a3")

    s = converse(chat, script)
    assert chat.broken_off == 1
    assert said(chat)[1:] == [("user", "I'd like a cleaning on Tuesday.")]
    assert texts(s)[-1] == "At ten."


def test_a_caller_who_goes_on_after_a_pause_ends_the_request():
    chat = ScriptedModel(SLOW, (Words("At ten."), Finished()))

    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.1)
        assert len(chat.chats) == 1, "the request goes out in the pause"
        assert s.recognition_link.finalized, "the turn's end does not wait for the model"
        await asyncio.sleep(0.4)
        s.recognition_link.goes_on(6.5)
        await asyncio.sleep(0.1)
        assert chat.broken_off == 1
        s.recognition_link.ends("I'd like a cleaning on Tuesday.", 7.0, start=5.0)
        await s.plays_turn("a2")

    assert texts(converse(chat, script)) == ["At ten."]


def test_a_model_that_does_not_begin_is_preceded_by_a_filler_and_followed_by_the_flows():
    chat = ScriptedModel((60.0,))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "What are your hours?", 5.0, 6.0)
        await s.plays_turn("a2")
        await s.plays_turn("a3")

    s = converse(chat, script)
    assert texts(s)[0] in s.habits.of("clinic", "en-US").fillers
    assert "We're open" in texts(s)[1]
    assert chat.broken_off == 1


def test_a_stream_that_breaks_after_a_sentence_goes_on_with_the_flows():
    broken = (Words("Good question. So"), 0.5, ModelError("broken_stream", "x"))
    chat = ScriptedModel(broken, (Words("Bye."), Finished()))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "What are your hours?", 5.0, 6.0)
        await s.plays_turn("a2")
        await says(s, "ok then", 20.0, 21.0)
        await s.plays_turn("a3")

    s = converse(chat, script)
    assert texts(s)[0].startswith("Good question. We're open")
    assert said(chat)[-2] == ("assistant", texts(s)[0])


def test_an_effect_is_done_once_the_models_words_were_heard_and_it_tells_how_that_went():
    calendar = Calendar(0.5)
    chat = ScriptedModel(
        (Words("I'll book "), 0.5, Words("Tuesday."), ToolCall("book", '{"day": "Tuesday"}', "k"), Finished()),
        (Words("It is booked."), Finished()),
    )

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes please do", 5.0, 6.0)
        ended = await s.until(model.AgentEnded, 2)
        assert isinstance(ended, model.AgentEnded)
        await asyncio.sleep(0.3)
        assert calendar.begun == []
        await s.plays_turn("a2")
        await s.plays_turn("a3")

    s = converse(chat, script, calendar)
    assert calendar.begun == [("book", "s1:c1:book:0")]
    assert texts(s) == ["I'll book Tuesday.", "It is booked."]
    assert chat.chats[1][-1]["content"] == '{"day": "Tuesday"}'


def test_an_effect_is_not_done_when_the_caller_talks_over_the_models_words():
    calendar = Calendar()
    chat = ScriptedModel(
        (Words("I'll book it for Tuesday then."), ToolCall("book", '{"day": "Tuesday"}', "k"), Finished()),
        (Words("All right."), Finished()),
    )

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes please do", 5.0, 6.0)
        await s.until(model.AgentEnded, 2)
        s.client.put_nowait(model.Playback("a2", 0.5, finished=False))
        await asyncio.sleep(1.2)
        s.recognition_link.begins(8.0, "no wait not")
        s.recognition_link.ends("no wait not Tuesday", 9.0, start=8.0)
        await s.plays_turn("a3")

    s = converse(chat, script, calendar)
    assert calendar.begun == []
    assert said(chat)[-2:] == [("assistant", "I'll book"), ("user", "no wait not Tuesday")]
    assert not [message for message in chat.chats[1] if message["role"] == "tool" or "tool_calls" in message]
    assert texts(s)[-1] == "All right."


def test_a_lookup_of_the_model_is_done_while_its_words_are_spoken():
    calendar = Calendar(1.0)
    chat = ScriptedModel(
        (Words("Let me see."), ToolCall("free", '{"day": "Tuesday"}', "k"), Finished()),
        (0.2, Words("It is free."), Finished()),
    )

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "is it free", 5.0, 6.0)
        await s.plays_turn("a2")

    s = converse(chat, script, calendar)
    assert texts(s) == ["Let me see. It is free."]
    assert calendar.begun == [("free", "")]


def test_a_caller_who_hangs_up_ends_the_request():
    chat = ScriptedModel(SLOW)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "Does it hurt?", 5.0, 6.0)
        await s.until(model.AgentAudio, 3)

    s = converse(chat, script)
    assert chat.broken_off == 1
    assert s.record.log[-1][0] == "ended"
