"""A conversation through the whole mesh whose words a model finds, over real HTTP, spoken by the real voice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fakes.chat_server import chunk, streams, words
from fakes.web_server import WebServer, web_server
from fakes.whole_mesh import whole_mesh

import voicemesh_client as vm

FORM = vm.AudioFormat(vm.Encoding.PCM16, 16_000)
FIRST = "Whitening takes about an hour and does not hurt. "


async def turn(session: vm.Session, turn_id: str) -> AsyncIterator[vm.SessionEvent]:
    """Yield what comes of one of the agent's turns, up to its end."""
    async for event in session:
        if getattr(event, "turn_id", "") == turn_id:
            yield event
        if isinstance(event, vm.AgentTurnEnded) and event.turn_id == turn_id:
            return


def asked(server: WebServer) -> list[tuple[str, str]]:
    """What the model was told last, without the system's part."""
    return [(message["role"], message["content"]) for message in server.asked[-1].json()["messages"][1:]]


async def test_the_first_sentence_is_heard_before_the_model_has_found_the_second(tmp_path: Path):
    heard, never = asyncio.Event(), asyncio.Event()
    answers = [
        streams([chunk({"content": FIRST}), chunk({"content": "It"}), heard, *words(" costs 250 dollars.")]),
        streams([chunk({"content": FIRST}), chunk({"content": "It"}), never]),
        streams(words("Goodbye.")),
    ]
    async with (
        web_server(*answers) as server,
        whole_mesh(
            tmp_path,
            dialogue_policy="llm",
            dialogue_llm_url=f"{server.url}/v1",
            dialogue_llm_model="tiny",
            dialogue_llm_first_token_s=30.0,
            dialogue_llm_answer_s=60.0,
        ) as mesh,
        vm.connect(mesh.dialogue) as client,
        client.session("clinic", output_audio=FORM) as session,
    ):
        greeting = [event async for event in turn(session, "a1")]
        assert isinstance(greeting[-1], vm.AgentTurnEnded)

        await session.send_text("Does whitening hurt?")
        texts, duration = [], 0.0
        async for event in turn(session, "a2"):
            if isinstance(event, vm.AgentAudio):
                heard.set()  # only now does the model go on
                duration += FORM.duration(len(event.data))
            elif isinstance(event, vm.AgentTurn):
                texts.append(event.text)
        assert texts == [FIRST.strip(), f"{FIRST}It costs 250 dollars."]
        assert duration > 3.0

        # What the caller types ends the turn, and with it the request that would never have ended.
        await session.send_text("And how long does it take?")
        async for event in turn(session, "a3"):
            if isinstance(event, vm.AgentAudio):
                break
        await session.send_text("Never mind.")
        await server.gone.wait()
        said = [event.text async for event in turn(session, "a4") if isinstance(event, vm.AgentTurn)]
        assert said == ["Goodbye."]
        chat = asked(server)
        role, content = chat[-1]
        assert role == "user"
        assert content.endswith("Never mind.")
        # What was typed broke the agent's turns off wherever the voice was then.
        partly = [content for role, content in chat[1:] if role == "assistant"]
        whole = f"{FIRST}It costs 250 dollars."
        assert all(whole.startswith(content) for content in partly), "no more than was heard"
        await session.end()
