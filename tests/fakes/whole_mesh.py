"""All services in one process and one event loop, each on its own port: a test can count what they leave behind."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from fakes.nats_server import nats_server

from mesh.serving import Serving
from mesh.testing import serve
from services.asr.app import build as build_asr
from services.asr.config import AsrSettings
from services.consent.app import build as build_consent
from services.consent.config import ConsentSettings
from services.crm_gateway.app import build as build_crm
from services.crm_gateway.config import CrmSettings
from services.dialogue.app import build as build_dialogue
from services.dialogue.config import DialogueSettings
from services.nlu.app import build as build_nlu
from services.nlu.config import NluSettings
from services.tts.app import build as build_tts
from services.tts.config import TtsSettings


@dataclass
class WholeMesh:
    """The addresses of the services."""

    dialogue: str
    asr: str
    nlu: str
    tts: str
    consent: str
    crm: str
    serving: Serving
    nats_url: str


@contextlib.asynccontextmanager
async def whole_mesh(folder: Path, **dialogue_settings) -> AsyncIterator[WholeMesh]:
    """Run the services, real engines and a real broker included; dropped connections are resumed for a second."""
    dialogue_settings = {"dialogue_resume_s": 1.0, **dialogue_settings}
    async with contextlib.AsyncExitStack() as stack:
        nats = await stack.enter_async_context(nats_server())
        common = {"state_dir": folder, "nats_url": nats.url, "drain_s": 0.5}
        addresses = {}
        for name, build, settings in (
            ("asr", build_asr, AsrSettings(**common)),
            ("nlu", build_nlu, NluSettings(**common)),
            ("tts", build_tts, TtsSettings(**common)),
            ("consent", build_consent, ConsentSettings(**common)),
            ("crm", build_crm, CrmSettings(**common)),
        ):
            ready = await stack.enter_async_context(serve(build, settings, service=name))
            addresses[name] = ready.address
        settings = DialogueSettings(
            **common, **{f"{name}_target": address for name, address in addresses.items()}, **dialogue_settings
        )
        ready = await stack.enter_async_context(serve(build_dialogue, settings, service="dialogue"))
        yield WholeMesh(dialogue=ready.address, serving=ready, nats_url=nats.url, **addresses)
