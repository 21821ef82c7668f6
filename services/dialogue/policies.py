"""Which policy decides the agent's words: the flows alone, or a language model with the flows beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import entry_points

import httpx

from mesh.config import ConfigError
from services.dialogue.actions import Actions
from services.dialogue.actions.http import is_safe
from services.dialogue.config import DialogueSettings
from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.llm.knowledge import about, toolboxes
from services.dialogue.llm.local import LocalModel, Sampling
from services.dialogue.llm.model import ChatModel
from services.dialogue.llm.openai import Endpoint, OpenAiModel
from services.dialogue.llm.policy import LanguageModelPolicy, Patience
from services.dialogue.llm.prompt import Prompts
from services.dialogue.policy import Policy

GROUP = "voicemesh.dialogue.policies"
_CONNECT_S = 2.0
_PREFIX = "VOICEMESH_DIALOGUE"


@contextlib.asynccontextmanager
async def chosen_policy(settings: DialogueSettings, flows: FlowPolicy, actions: Actions) -> AsyncIterator[Policy]:
    """Open the policy that the settings name: `flow`, `llm`, `ctranslate2` or one of the entry points of `GROUP`.

    An entry point names a function that takes the settings and the flows' policy and returns a policy.

    Raises:
        ConfigError: there is none of that name, or it is not set up.
    """
    async with contextlib.AsyncExitStack() as stack:
        match settings.dialogue_policy:
            case "flow":
                yield flows
            case "llm":
                transport = await stack.enter_async_context(_transport(settings))
                yield _beside(settings, flows, actions, OpenAiModel(transport, _endpoint(settings)))
            case "ctranslate2":
                local = await asyncio.to_thread(_local, settings)
                stack.callback(local.close)
                yield _beside(settings, flows, actions, local)
            case other:
                yield _brought(other)(settings, flows)


def _beside(settings: DialogueSettings, flows: FlowPolicy, actions: Actions, model: ChatModel) -> Policy:
    return LanguageModelPolicy(
        flows,
        model,
        toolboxes(flows.script, actions),
        Prompts(about(flows.script), settings.domains_dir),
        Patience(settings.dialogue_llm_first_token_s, settings.dialogue_llm_answer_s),
    )


@contextlib.asynccontextmanager
async def _transport(settings: DialogueSettings) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=settings.dialogue_max_sessions, max_keepalive_connections=None)
    timeout = httpx.Timeout(settings.dialogue_llm_answer_s, connect=_CONNECT_S)
    async with httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False) as client:
        yield client


def _endpoint(settings: DialogueSettings) -> Endpoint:
    url, key = settings.dialogue_llm_url, settings.dialogue_llm_api_key
    if not url or not settings.dialogue_llm_model:
        raise ConfigError(
            f"{_PREFIX}_POLICY=llm needs {_PREFIX}_LLM_URL, such as http://127.0.0.1:11434/v1, and {_PREFIX}_LLM_MODEL"
        )
    if not url.startswith(("https://", "http://")) or (key.get_secret_value() and not is_safe(url)):
        raise ConfigError(f"{_PREFIX}_LLM_URL={url!r}: must begin with https:// (http:// only without a key, or here)")
    return Endpoint(
        url, settings.dialogue_llm_model, key, settings.dialogue_llm_max_tokens, settings.dialogue_llm_temperature
    )


def _local(settings: DialogueSettings) -> LocalModel:
    folder = settings.dialogue_llm_folder
    if folder is None:
        raise ConfigError(f"{_PREFIX}_POLICY=ctranslate2 needs {_PREFIX}_LLM_FOLDER, the folder of a converted model")
    sampling = Sampling(settings.dialogue_llm_max_tokens, settings.dialogue_llm_temperature)
    return LocalModel(folder, sampling, settings.dialogue_llm_threads)


def _brought(name: str) -> Callable[[DialogueSettings, Policy], Policy]:
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(["flow", "llm", "ctranslate2", *sorted(points)])
        raise ConfigError(f"{_PREFIX}_POLICY={name!r} is not known; use one of {known}")
    try:
        create: Callable[[DialogueSettings, Policy], Policy] = points[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"policy {name!r} in {GROUP} cannot be loaded ({error})") from error
    return create
