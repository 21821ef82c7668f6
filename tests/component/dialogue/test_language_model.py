"""The language-model policy over real HTTP, with a server that speaks well, slowly, brokenly or not at all."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from fakes.chat_server import DONE, call, chunk, streams, words
from fakes.conversation import Stage
from fakes.web_server import Answer, Asked, WebServer, Write, answer, web_server
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.dialogue import model
from services.dialogue.actions import ActionCatalogue, Actions, ActionSpec
from services.dialogue.flow import installed_policy
from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.llm.knowledge import about, toolboxes
from services.dialogue.llm.openai import Endpoint, OpenAiModel
from services.dialogue.llm.policy import LanguageModelPolicy, Patience
from services.dialogue.llm.prompt import Prompts
from services.dialogue.policy import ActionResult, CallInfo, OpenItem, Reply, State, Understanding
from services.dialogue.streaming import Draft

FLOWS = installed_policy()
NO_FLOWS = FlowPolicy([])
CALL = CallInfo(
    "clinic",
    "en-US",
    "America/New_York",
    datetime(2026, 11, 20, 14, 5, tzinfo=UTC),
    contact_name="Sarah Miller",
    open_items=(OpenItem("a-1", "appointment", "cleaning", "booked"),),
)
PATIENT = Patience(first_token_s=30.0, answer_s=60.0)
HOURS = Understanding("What are your hours?", "opening_hours", 0.97)
CHAT = Understanding("Does whitening hurt?", out_of_scope=True)


async def nothing(arguments, call, /):
    return {}


ACTIONS = Actions(
    ActionCatalogue(
        [
            ActionSpec("free_times", nothing, "Looks up free times.", {"day": "the day"}),
            ActionSpec("send_map", nothing, "Sends a map.", {"phone": "the number"}, effect=True),
        ]
    )
)


@contextlib.asynccontextmanager
async def policy(
    *answers: Answer, patience: Patience = PATIENT, key: str = ""
) -> AsyncIterator[tuple[LanguageModelPolicy, WebServer]]:
    async with web_server(*answers) as server, httpx.AsyncClient(timeout=60.0) as transport:
        endpoint = Endpoint(f"{server.url}/v1/", "tiny", SecretStr(key))
        yield (
            LanguageModelPolicy(
                FLOWS,
                OpenAiModel(transport, endpoint),
                toolboxes(FLOWS.script, ACTIONS),
                Prompts(about(FLOWS.script)),
                patience,
            ),
            server,
        )


def begun(policy: LanguageModelPolicy) -> State:
    return policy.start(CALL)[0]


async def drafts(policy: LanguageModelPolicy, heard: Understanding = CHAT, state: State | None = None) -> list[Draft]:
    return [draft async for draft in policy.answer(state or begun(policy), heard, CALL)]


async def reply(policy: LanguageModelPolicy, heard: Understanding = CHAT) -> Reply:
    return (await drafts(policy, heard))[-1].reply


def fallbacks(reason: str) -> float:
    return REGISTRY.get_sample_value("voicemesh_dialogue_model_fallbacks_total", {"reason": reason}) or 0.0


# What is asked, and an answer as it should be.


async def test_sentences_come_while_the_model_still_speaks():
    more = asyncio.Event()
    pieces = words("It ", "does not hurt. Wh", "ich day ", "suits you?")
    async with policy(streams([*pieces[:3], more, *pieces[3:]]), key="s3cret") as (llm, server):
        state = begun(llm)
        found = llm.answer(state, CHAT, CALL)
        first = await anext(found)
        assert (first.reply.sentences, first.done) == (("It does not hurt.",), False)
        assert first.state.history[-1].text == "It does not hurt."
        more.set()
        last = [draft async for draft in found][-1]
    assert (last.reply.sentences, last.done) == (("It does not hurt.", "Which day suits you?"), True)
    assert [(said.role, said.text) for said in last.state.history] == [
        ("agent", "Bright Smile Dental. How can I help?"),
        ("caller", "Does whitening hurt?"),
        ("agent", "It does not hurt. Which day suits you?"),
    ]
    assert last.state.question == ("Which day suits you?",)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == "Bearer s3cret"
    body = asked.json()
    assert (body["model"], body["stream"]) == ("tiny", True)
    assert {"free_times", "hand_over", "end_call"} <= {tool["function"]["name"] for tool in body["tools"]}
    assert [message["role"] for message in body["messages"]] == ["system", "assistant", "user"]
    system = body["messages"][0]["content"]
    for known in ("Bright Smile", "Garden Street", "Friday, 2026-11-20, 09:05", "Sarah Miller", "appointment a-1"):
        assert known in system


async def test_a_domains_own_prompt_comes_first(tmp_path):
    folder = tmp_path / "clinic" / "en"
    folder.mkdir(parents=True)
    (folder / "prompt.md").write_text("You are Ada.\n")
    system = Prompts(about(FLOWS.script), tmp_path).system(replace(CALL, direction="outbound"))
    assert system.startswith("You are Ada.\n\nYou speak with a caller")
    assert "You have called them" in system
    assert "Garden Street" not in system
    assert (
        Prompts(about(NO_FLOWS.script), tmp_path)
        .system(replace(CALL, domain="shop"))
        .startswith("You speak with a caller")
    )


async def test_flows_that_are_replaced_bring_other_tools_and_another_prompt():
    script = FLOWS.script("clinic", "en")
    flows = FlowPolicy([script])
    tools, prompts = toolboxes(flows.script, ACTIONS), Prompts(about(flows.script))
    before = {tool.name for tool in tools("clinic", "en-US").tools()}
    hours = next(flow for flow in script.flows.values() if flow.intents and flow.title)
    fewer = {name: flow for name, flow in script.flows.items() if flow is not hours}
    assert "Garden Street" in prompts.system(CALL)
    flows.replace(replace(script, version="next", flows=fewer, data={}, description="A closed clinic."))
    after = {tool.name for tool in tools("clinic", "en-US").tools()}
    assert len(before - after) == 1
    assert not after - before
    assert "A closed clinic." in prompts.system(CALL)
    assert "Garden Street" not in prompts.system(CALL)


async def test_an_answer_that_is_cut_ends_with_its_last_whole_sentence():
    async with policy(streams(words("It is safe. It is al", finish="length"))) as (llm, _):
        assert (await reply(llm)).sentences == ("It is safe.",)


async def test_an_answer_without_end_is_cut():
    async with policy(streams([*[chunk({"content": "And so on. "})] * 1000, asyncio.Event()])) as (llm, server):
        found = await reply(llm)
        await server.gone.wait()
    assert 100 < len(found.sentences) < 250


async def test_a_question_that_the_domain_knows_of_counts_as_answered():
    async with policy(streams(words("From eight to six."))) as (llm, _):
        last = (await drafts(llm, HOURS))[-1]
        assert (last.state.served, llm.abandon(last.state)) == (("opening_hours",), "information_given")
        other = (await drafts(llm, CHAT))[-1]
        assert (other.state.served, llm.abandon(other.state)) == ((), "caller_hung_up")


async def test_signs_of_life_and_figures_are_passed_over():
    usage = 'data: {"choices": [], "usage": {"total_tokens": 7}}\n\n'
    null = 'data: {"choices": [{"delta": null, "finish_reason": null}]}\n\n'
    async with policy(streams([": ping\n\n", usage, null, chunk({"content": "Yes."}), chunk(finish="stop")])) as (
        llm,
        _,
    ):
        assert (await reply(llm)).sentences == ("Yes.",)


# Tools.


@pytest.mark.parametrize("pieces", [('{"day": "2026-11-24"}',), ('{"da', 'y": "20', '26-11-24"}')])
async def test_a_lookup_is_named_and_its_result_goes_back(pieces: Sequence[str]):
    answers = [streams(call("free_times", *pieces, say="Let me see. ")), streams(words("Ten is free."))]
    async with policy(*answers) as (llm, server):
        found = await drafts(llm)
        last = found[-1]
        action = last.reply.action
        assert action is not None
        assert (action.name, action.arguments, action.effect) == ("free_times", {"day": "2026-11-24"}, False)
        assert last.reply.sentences == ("Let me see.",)
        result = ActionResult({"first": "10:00"})
        after = [draft async for draft in llm.answer_action(last.state, result, CALL)][-1]
    assert after.reply.sentences == ("Ten is free.",)
    chat = server.asked[1].json()["messages"]
    assert chat[-1] == {"role": "tool", "tool_call_id": "call_1", "content": '{"first": "10:00"}'}
    assert json.loads(chat[-2]["tool_calls"][0]["function"]["arguments"]) == {"day": "2026-11-24"}


async def test_an_effect_is_marked_as_one_and_failures_are_told_without_their_reason():
    answers = [streams(call("send_map", '{"phone": "+12125550100"}')), streams(words("I could not."))]
    async with policy(*answers) as (llm, server):
        last = (await drafts(llm))[-1]
        assert last.reply.action is not None
        assert last.reply.action.effect
        failed = ActionResult(error="the other side answered 503")
        assert [d async for d in llm.answer_action(last.state, failed, CALL)][-1].reply.text == "I could not."
    assert server.asked[1].json()["messages"][-1]["content"] == '{"failed": true}'


async def test_servers_that_number_no_calls_and_send_arguments_as_objects_are_understood():
    function = {"name": "free_times", "arguments": {"day": "x"}}
    events = [chunk({"tool_calls": [{"id": "k", "function": function}]}), chunk(finish="stop")]
    async with policy(streams(events)) as (llm, _):
        found = await reply(llm)
    assert found.action is not None
    assert found.action.arguments == {"day": "x"}


async def test_a_flow_that_is_begun_leads_until_it_is_done():
    async with policy(streams(call("begin_book"))) as (llm, server):
        heard = Understanding("I need somebody to look at a tooth", out_of_scope=True)
        last = (await drafts(llm, heard))[-1]
        assert last.state.led_by == "flow"
        assert last.reply.sentences[-1].endswith("?")
        # The next turn is the flow's alone.
        cleaning = Understanding(
            "A cleaning.", "inform", 0.9, entities=(model.Entity("service", "cleaning", "cleaning"),)
        )
        after = (await drafts(llm, cleaning, last.state))[-1]
        assert after.state.slot("service") is not None
        assert len(server.asked) == 1
        assert [said.role for said in after.state.history] == ["agent", "caller", "agent", "caller", "agent"]


@pytest.mark.parametrize(
    ("tool", "say", "disposition", "events"),
    [
        ("hand_over", "I'll get a colleague. ", "handed_over", ["HandoverRequested"]),
        ("end_call", "Have a nice day. ", "no_action", []),
    ],
)
async def test_the_end_of_a_call_is_the_flows_in_the_models_words(tool, say, disposition, events):
    async with policy(streams(call(tool, say=say))) as (llm, _):
        found = await reply(llm)
    assert (found.end, found.disposition, found.sentences) == (True, disposition, (say.strip(),))
    assert [outcome.event for outcome in found.outcomes] == events


@pytest.mark.parametrize("intent", ["human", "opt_out"])
async def test_what_callers_have_a_right_to_is_left_to_no_model(intent: str):
    async with policy(answer(500, "")) as (llm, server):
        found = await reply(llm, Understanding("stop", intent, 0.9))
    assert server.asked == []
    assert found.outcomes or found.end


# Where there is no answer the flows have one.

FLOWS_ANSWER = FLOWS.respond(FLOWS.start(CALL)[0], HOURS, CALL)[1]


async def _hang(_: Asked, write: Write) -> None:
    await asyncio.sleep(3600)


async def _reset(_: Asked, write: Write) -> None:
    raise ConnectionResetError("gone")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer(429, "slow down", **{"Retry-After": "1"}), "status_429"),
        (answer(500, "oops"), "status_500"),
        (answer(503, ""), "status_503"),
        (answer(401, ""), "status_401"),
        (answer(200, '{"choices": []}', **{"Content-Type": "application/json"}), "malformed"),
        (answer(200, "<html>", **{"Content-Type": "text/html"}), "malformed"),
        (streams(["data: {not json\n\n"]), "malformed"),
        (streams(["data: [1]\n\n"]), "malformed"),
        (streams(['data: {"choices": "x"}\n\n']), "malformed"),
        (streams(['data: {"choices": [{"delta": "x"}]}\n\n']), "malformed"),
        (streams([chunk({"content": 7})]), "malformed"),
        (streams([chunk({"tool_calls": "x"})]), "malformed"),
        (streams([chunk({"tool_calls": [{"index": 0}]})]), "malformed"),
        (streams([b"data: \xff\xfe\n\n"]), "malformed"),
        (streams(['data: {"error": {"message": "overloaded"}}\n\n']), "error_in_stream"),
        (streams([]), "broken_stream"),
        (streams([chunk({"content": "We are"})]), "broken_stream"),
        (_reset, "broken_stream"),
        (streams(words()), "empty"),
        (streams(words(" \n", "**")), "empty"),
        (streams([DONE]), "empty"),
        (streams(words("x", finish="content_filter")), "refused"),
        (streams(call("fly", "{}")), "unknown_tool"),
        (streams(call("free_times", '{"day": ')), "bad_arguments"),
        (streams(call("free_times", "{}")), "bad_arguments"),
    ],
)
async def test_the_flows_take_the_turn(given: Answer, reason: str):
    before = fallbacks(reason)
    async with policy(given) as (llm, _):
        found = await drafts(llm, HOURS)
    assert found[-1].reply == FLOWS_ANSWER
    assert found[-1].done
    assert fallbacks(reason) == before + 1
    assert [said.text for said in found[-1].state.history[-2:]] == [HOURS.text, FLOWS_ANSWER.text]


async def test_a_model_that_does_not_begin_is_given_up():
    async with policy(_hang, patience=Patience(first_token_s=0.05, answer_s=60.0)) as (llm, server):
        assert await reply(llm, HOURS) == FLOWS_ANSWER
        await server.gone.wait()


async def test_a_model_that_stops_in_the_middle_is_given_up_and_what_was_said_stays():
    never = asyncio.Event()
    events = [chunk({"content": "Good question. It"}), never]
    before = fallbacks("timeout")
    async with policy(streams(events), patience=Patience(first_token_s=30.0, answer_s=0.5)) as (llm, server):
        found = await drafts(llm, HOURS)
        await server.gone.wait()
    assert found[0].reply.sentences == ("Good question.",)
    assert found[-1].reply.sentences == ("Good question.", *FLOWS_ANSWER.sentences)
    assert found[-1].state.history[-1].text == f"Good question. {FLOWS_ANSWER.text}"
    assert fallbacks("timeout") == before + 1


async def test_nobody_there_is_no_reason_to_say_nothing():
    before = fallbacks("unavailable")
    async with web_server(answer(500, "")) as server:
        pass
    async with httpx.AsyncClient(timeout=60.0) as transport:
        gone = OpenAiModel(transport, Endpoint(server.url, "tiny"))
        llm = LanguageModelPolicy(
            FLOWS, gone, toolboxes(FLOWS.script, ACTIONS), Prompts(about(NO_FLOWS.script)), PATIENT
        )
        assert await reply(llm, HOURS) == FLOWS_ANSWER
    assert fallbacks("unavailable") == before + 1


async def test_after_an_effect_that_nobody_can_tell_of_a_person_takes_over():
    async with policy(streams(call("send_map", '{"phone": "1"}')), answer(500, "")) as (llm, _):
        last = (await drafts(llm))[-1]
        after = [draft async for draft in llm.answer_action(last.state, ActionResult({}), CALL)][-1]
    assert after.reply.hand_over


async def test_an_answer_that_is_broken_off_ends_the_request():
    async with policy(streams([chunk({"content": "One. Two"}), asyncio.Event()])) as (llm, server):
        found = llm.answer(begun(llm), CHAT, CALL)
        await anext(found)
        await found.aclose()
        await server.gone.wait()


# A whole session.


async def test_a_typed_conversation_is_held_with_the_model():
    actions = Actions(ActionCatalogue([ActionSpec("free_times", _ten, "Looks up free times.", {"day": "the day"})]))
    info = model.SessionInfo(
        session_id="s1",
        tenant_id="default",
        region="local",
        correlation_id="c1",
        language="en-US",
        time_zone="UTC",
        domain="clinic",
        direction="inbound",
    )
    answers = [
        streams(call("free_times", '{"day": "x"}', say="Let me see. ")),
        streams(words("Ten is free. ", "Shall I?")),
        answer(500, ""),
        streams(call("end_call", say="Goodbye. ")),
    ]
    async with policy(*answers) as (llm, server):
        stage = Stage(info, llm, {HOURS.text: HOURS}, actions=actions)

        async def script(s: Stage) -> None:
            for number, text in enumerate(["When are you free?", HOURS.text, "Bye then"]):
                await _turns(s, number + 1)
                s.client.put_nowait(model.CallerText(text))
            await s.until(model.Ended)

        await stage.run(script)
    said = [o.text for o in stage.heard if isinstance(o, model.AgentBegins)]
    assert said[1:] == ["Let me see. Ten is free. Shall I?", FLOWS_ANSWER.text, "Goodbye."]
    assert len(server.asked) == 4
    assert ("spoke", "a2", "Let me see. Ten is free. Shall I?") in stage.record.log


async def _turns(stage: Stage, count: int) -> None:
    """Wait until so many of the agent's turns are over."""
    while sum(entry[0] == "spoke" for entry in stage.record.log) < count:
        await asyncio.sleep(0.01)


async def _ten(arguments, call, /):
    return {"first": "10:00"}
