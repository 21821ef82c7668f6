"""A language model on this machine: a real CTranslate2 generator and tokenizer, made to say what the test wants."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes.tiny_generator import BEGIN, END, TOLD, build

from mesh.config import ConfigError
from services.dialogue.llm.local import LocalModel, Sampling
from services.dialogue.llm.model import Finished, Message, ModelError, Piece, Tool, ToolCall, Words

CHAT: list[Message] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Does it hurt?"}]
CALL = '{"name":"free","arguments":{"day":"Tuesday"}}'
SURE = Sampling(max_tokens=20, temperature=0.0)


async def says(folder: Path, chat: Sequence[Message] = CHAT, sampling: Sampling = SURE) -> list[Piece]:
    local = LocalModel(folder, sampling, threads=1)
    try:
        return [piece async for piece in local.stream(chat, [Tool("free", "Looks up.", {"day": "the day"})])]
    finally:
        local.close()


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Words))


async def test_words_come_as_they_are_found(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "It", "does", "not", "hurt.", "Shall", "we?", END])
    pieces = await says(folder)
    assert [piece.text for piece in pieces[:-1] if isinstance(piece, Words)][:2] == ["It", " does"]
    assert text(pieces) == "It does not hurt. Shall we?"
    assert pieces[-1] == Finished()


async def test_a_call_is_told_apart_from_words(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "One", "moment.", "<tool_call>", CALL, "</tool_call>", END])
    pieces = await says(folder)
    assert text(pieces).strip() == "One moment."
    (call,) = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert (call.name, call.arguments) == ("free", '{"day": "Tuesday"}')


async def test_a_call_that_was_not_closed_counts_when_it_is_whole(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "<tool_call>", CALL, END])
    assert [piece.name for piece in await says(folder) if isinstance(piece, ToolCall)] == ["free"]


async def test_words_that_only_look_like_a_call_are_words(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "a", "<tool", "b", END])
    assert text(await says(folder)) == "a <tool b"


async def test_a_call_that_is_none_is_malformed(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "<tool_call>", '{"name":', "</tool_call>", END])
    with pytest.raises(ModelError) as error:
        await says(folder)
    assert error.value.reason == "malformed"


async def test_results_are_told_by_the_template(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "no", END], [TOLD, "Ten", "is", "free.", END])
    call = {"id": "k", "type": "function", "function": {"name": "free", "arguments": '{"day": "x"}'}}
    told: list[Message] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "k", "content": '{"first": "10:00"}'},
    ]
    assert text(await says(folder, [*CHAT, *told])) == "Ten is free."


async def test_an_answer_without_end_is_cut(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "on", "and", "on"])
    pieces = await says(folder)
    assert pieces[-1] == Finished(cut=True)
    assert len(text(pieces).split()) == 20


async def test_an_answer_that_nobody_wants_is_broken_off_and_the_next_is_given(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "on", "and", "on"])
    local = LocalModel(folder, Sampling(max_tokens=2000, temperature=0.0), threads=1)
    first = local.stream(CHAT, [])
    assert await anext(first) == Words("on")
    await first.aclose()
    second = local.stream(CHAT, [])
    assert await anext(second) == Words("on")
    await second.aclose()
    local.close()


async def test_a_conversation_that_the_template_refuses_has_failed(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "no", END])
    with pytest.raises(ModelError) as error:
        await says(folder, [{"role": "narrator", "content": "x"}])
    assert error.value.reason == "failed"


async def test_a_prompt_of_no_words_has_failed(tmp_path):
    folder = build(tmp_path / "model", [BEGIN, "no", END], template=" ")
    with pytest.raises(ModelError) as error:
        await says(folder)
    assert error.value.reason in {"failed", "broken_stream"}


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json", "tokenizer_config.json"])
def test_a_folder_without_a_part_is_named(tmp_path, missing: str):
    folder = build(tmp_path / "model", [BEGIN, "no", END])
    (folder / missing).unlink()
    with pytest.raises(ConfigError, match="model"):
        LocalModel(folder, SURE)


def test_a_model_that_is_made_for_no_chat_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="chat_template"):
        LocalModel(build(tmp_path / "model", [BEGIN, "no", END], template=None), SURE)
