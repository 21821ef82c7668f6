"""What comes from a language model in pieces: events, sentences, history, tools."""

import json
from dataclasses import replace

import pytest
from fakes.chat_server import cut
from hypothesis import given
from hypothesis import strategies as st

from services.dialogue.actions import ActionSpec
from services.dialogue.llm.history import added, agent_said, called, caller_said, heard_only, messages, resulted
from services.dialogue.llm.model import ModelError, ToolCall
from services.dialogue.llm.sentences import Sentences
from services.dialogue.llm.sse import events
from services.dialogue.llm.tools import FlowTool, Toolbox
from services.dialogue.policy import Said, State

# Server-sent events.

STREAM = (
    '\ufeff: hello\n\ndata: {"a": "é€😀"}\r\n\r\ndata:one\rdata: two\r\revent: x\nid: 3\ndata\ndata:  y\n\ndata: lost\n'
)
READ = ['{"a": "é€😀"}', "one\ntwo", "\n y"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
async def test_events_are_read_wherever_they_are_cut(size: int):
    assert [data async for data in events(cut(STREAM, size))] == READ


async def test_a_last_event_that_ends_in_a_return_is_whole():
    assert [data async for data in events(cut("data: a\r\r", 100))] == ["a"]


@pytest.mark.parametrize("data", [b"data: \xff\n\n", b"data: " + b"x" * 1_100_000, b"data: x\n" * 1_100_000])
async def test_what_is_no_event_is_malformed(data: bytes):
    async def pieces():
        for place in range(0, len(data), 65_536):
            yield data[place : place + 65_536]

    with pytest.raises(ModelError, match="malformed"):
        [event async for event in events(pieces())]


# Sentences.


def parted(text: str, size: int = 1) -> list[str]:
    sentences = Sentences()
    found = [s for place in range(0, len(text), size) for s in sentences.add(text[place : place + size])]
    return [*found, *filter(None, [sentences.rest()])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        ("It is 3.50 dollars. Fine!", ["It is 3.50 dollars.", "Fine!"]),
        ("Dr. Miller is in at 10 a.m. on Friday. Come.", ["Dr. Miller is in at 10 a.m. on Friday.", "Come."]),
        ("We open at 8 a.m. Please come.", ["We open at 8 a.m.", "Please come."]),
        ("Mr. J. Smith called.", ["Mr. J. Smith called."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("**Prices**\n- Cleaning: *90*\n- Filling: 150", ["Prices", "Cleaning: 90", "Filling: 150"]),
        ("1. First\n2. Second", ["First", "Second"]),
        ("Well... maybe. Really?! Yes", ["Well...", "maybe.", "Really?!", "Yes"]),
        ("¿Qué día? Muy bien.", ["¿Qué día?", "Muy bien."]),
        ("  \n\n ", []),
        ("", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_sentences_are_told_as_they_end(text: str, expected: list[str], size: int):
    assert parted(text, size) == expected


def test_a_sentence_is_told_before_the_next_is_complete():
    sentences = Sentences()
    assert sentences.add("Of course. ") == []
    assert sentences.add("W") == ["Of course."]


def test_a_sentence_without_end_is_parted():
    text = ("a word and another, " * 60).strip()
    found = parted(text)
    assert max(map(len, found)) <= 280
    assert " ".join(found) == text


@given(st.text(alphabet="ab .!?\n1,", max_size=400), st.integers(1, 50))
def test_no_word_is_lost_however_it_comes(text: str, size: int):
    whole = "".join(parted(text)).replace(" ", "")
    assert "".join(parted(text, size)).replace(" ", "") == whole
    assert [sign for sign in whole if sign.isalpha()] == [sign for sign in text if sign.isalpha()]


# History.

BEGUN = State("clinic", "en")


def test_the_chat_is_what_was_said_and_done():
    state = caller_said(agent_said(BEGUN, ["Hello.", "How can I help?"]), "book")
    state = called(agent_said(state, ["Let me see."]), ToolCall("free", '{"day": "x"}', "k1"))
    state = agent_said(resulted(state, '{"time": "10:00"}'), ["Ten is free."])
    state = agent_said(state, ["Are you still there?"])
    assert messages(state, "Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "assistant", "content": "Hello. How can I help?"},
        {"role": "user", "content": "book"},
        {"role": "assistant", "content": "Let me see."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "k1", "type": "function", "function": {"name": "free", "arguments": '{"day": "x"}'}}],
        },
        {"role": "tool", "tool_call_id": "k1", "content": '{"time": "10:00"}'},
        {"role": "assistant", "content": "Ten is free. Are you still there?"},
    ]
    assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        ("Let me see. Ten is free.", ["Let me see.", "call", "result", "Ten is free."]),
        ("Let me see. Ten", ["Let me see.", "call", "result", "Ten"]),
        ("Let me see.", ["Let me see.", "call", "result"]),
        ("Let me", ["Let me"]),
        ("", []),
    ],
)
def test_history_holds_exactly_what_was_heard_of_a_turn(heard: str, left: list[str]):
    before = caller_said(agent_said(BEGUN, ["Hello."]), "book")
    state = called(agent_said(before, ["Let me see."]), ToolCall("free", "{}"))
    state = agent_said(resulted(state, "{}"), ["Ten is free."])
    after = heard_only(state, "Let me see. Ten is free.", heard)
    assert after.history[:2] == before.history
    assert [said.text if said.role == "agent" else said.role for said in after.history[2:]] == left


def test_an_effect_behind_words_that_were_not_heard_was_never_called():
    before = caller_said(BEGUN, "yes")
    state = called(agent_said(before, ["I'll book it."]), ToolCall("book", "{}"))
    assert heard_only(state, "I'll book it.", "I'll").history == (*before.history, Said("agent", "I'll"))
    assert heard_only(state, "I'll book it.", "").history == before.history


def test_a_turn_before_the_last_stays_as_it_was_heard():
    state = agent_said(agent_said(BEGUN, ["Hello."]), ["Are you still there?"])
    assert heard_only(state, "Are you still there?", "Are").history == (Said("agent", "Hello."), Said("agent", "Are"))
    assert heard_only(BEGUN, "", "") == BEGUN
    assert heard_only(caller_said(state, "x"), "something else", "some") == caller_said(state, "x")


def test_a_long_history_forgets_its_beginning_and_begins_with_words():
    state = BEGUN
    for number in range(40):
        state = called(caller_said(state, f"{number}"), ToolCall("free", "{}"))
        state = added(state, replace(state.history[-1], role="result"))
        assert len(state.history) <= 60
        assert state.history[0].role == "caller"
    assert state.history[-3].text == "39"


# Tools.


async def nothing(arguments, call, /):
    return {}


BOX = Toolbox(
    {"free": ActionSpec("free", nothing, "Looks up.", {"day": "the day", "kind": "what for"}, ("kind",))},
    (FlowTool("book", "book_appointment", "book an appointment"),),
)


def test_the_model_is_told_of_actions_flows_and_ends():
    tools = {tool.name: tool.schema()["function"] for tool in BOX.tools()}
    assert set(tools) == {"hand_over", "end_call", "do_not_call_again", "free", "begin_book"}
    assert tools["free"]["parameters"]["required"] == ["day"]
    assert "book an appointment" in tools["begin_book"]["description"]


@pytest.mark.parametrize(
    ("name", "intent"), [("hand_over", "human"), ("end_call", "goodbye"), ("begin_book", "book_appointment"), ("x", "")]
)
def test_what_the_flows_do_is_known_by_its_intent(name: str, intent: str):
    assert BOX.intent_of(ToolCall(name, "")) == intent


def test_arguments_are_text_and_no_others():
    given = json.dumps({"day": 7, "kind": None})
    assert BOX.action_of(ToolCall("free", given)) == (BOX.actions["free"], {"day": "7"})


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("fly", "{}", "unknown_tool"),
        ("free", "{", "bad_arguments"),
        ("free", "[]", "bad_arguments"),
        ("free", "", "bad_arguments"),
        ("free", '{"day": ""}', "bad_arguments"),
        ("free", '{"day": ["x"]}', "bad_arguments"),
        ("free", '{"day": "x", "admin": true}', "bad_arguments"),
        ("free", json.dumps({"day": "x" * 1001}), "bad_arguments"),
    ],
)
def test_calls_that_are_none_are_refused(name: str, arguments: str, reason: str):
    with pytest.raises(ModelError) as error:
        BOX.action_of(ToolCall(name, arguments))
    assert error.value.reason == reason
