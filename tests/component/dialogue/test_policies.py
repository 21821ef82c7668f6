"""Which policy a configuration chooses."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fakes.tiny_generator import BEGIN, END, build
from pydantic import SecretStr

from mesh.config import ConfigError
from services.dialogue.actions import Actions
from services.dialogue.config import DialogueSettings
from services.dialogue.flow import installed_policy
from services.dialogue.llm.policy import LanguageModelPolicy
from services.dialogue.policies import chosen_policy
from services.dialogue.policy import Policy
from services.dialogue.streaming import StreamingPolicy

FLOWS = installed_policy()
TARGETS = dict.fromkeys(["asr_target", "nlu_target", "tts_target", "crm_target", "consent_target", "nats_url"], "x:1")


async def chosen(**changes: Any) -> Policy:
    settings = DialogueSettings(**TARGETS, **changes)
    async with chosen_policy(settings, FLOWS, Actions()) as policy:
        return policy


async def test_the_flows_are_the_default():
    assert await chosen() is FLOWS
    assert not isinstance(FLOWS, StreamingPolicy), "flows answer at once"


@pytest.mark.parametrize(
    ("url", "key"),
    [("https://api.example.com/v1", "k"), ("http://127.0.0.1:11434/v1", "k"), ("http://models.internal/v1", "")],
)
async def test_a_model_behind_an_api(url: str, key: str):
    policy = await chosen(
        dialogue_policy="llm", dialogue_llm_url=url, dialogue_llm_model="m", dialogue_llm_api_key=SecretStr(key)
    )
    assert isinstance(policy, LanguageModelPolicy)
    assert isinstance(policy, StreamingPolicy)
    assert policy.domains() == FLOWS.domains()


async def test_a_model_on_this_machine(tmp_path):
    folder = await asyncio.to_thread(build, tmp_path / "model", [BEGIN, "no", END])
    assert isinstance(await chosen(dialogue_policy="ctranslate2", dialogue_llm_folder=folder), LanguageModelPolicy)


async def test_a_policy_of_a_distribution(monkeypatch):
    class Point:
        name = "acme"

        def load(self) -> Any:
            return lambda settings, flows: (settings.dialogue_policy, flows)

    monkeypatch.setattr("services.dialogue.policies.entry_points", lambda group: [Point()])
    assert await chosen(dialogue_policy="acme") == ("acme", FLOWS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dialogue_policy": "acme"}, "use one of flow, llm, ctranslate2"),
        ({"dialogue_policy": "llm"}, "VOICEMESH_DIALOGUE_LLM_URL"),
        ({"dialogue_policy": "llm", "dialogue_llm_url": "https://x/v1"}, "VOICEMESH_DIALOGUE_LLM_MODEL"),
        ({"dialogue_policy": "llm", "dialogue_llm_url": "x", "dialogue_llm_model": "m"}, "must begin with https"),
        (
            {
                "dialogue_policy": "llm",
                "dialogue_llm_url": "http://models.internal/v1",
                "dialogue_llm_model": "m",
                "dialogue_llm_api_key": SecretStr("k"),
            },
            "only without a key",
        ),
        ({"dialogue_policy": "ctranslate2"}, "VOICEMESH_DIALOGUE_LLM_FOLDER"),
        ({"dialogue_policy": "ctranslate2", "dialogue_llm_folder": Path("/nowhere")}, "nowhere"),
    ],
)
async def test_what_is_not_set_up_is_named(changes: dict[str, Any], problem: str):
    with pytest.raises(ConfigError, match=problem):
        await chosen(**changes)
