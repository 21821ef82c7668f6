"""The five neighbours over gRPC, each session sticking to one instance of each."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from mesh.pool import Pool
from services.dialogue.adapters import asr as asr_adapter
from services.dialogue.adapters import consent as consent_adapter
from services.dialogue.adapters import crm as crm_adapter
from services.dialogue.adapters import nlu as nlu_adapter
from services.dialogue.adapters import tts as tts_adapter
from services.dialogue.adapters.heard_languages import HeardLanguages
from services.dialogue.model import SessionInfo


@dataclass(frozen=True)
class GrpcNeighbours:
    """Opens a session's streams on the channels that its id and region choose."""

    asr: Pool
    nlu: Pool
    tts: Pool
    crm_gateway: Pool
    consent_service: Pool
    endpointing: asr_adapter.Endpointing
    consent_timeout_s: float
    languages: HeardLanguages = field(default_factory=HeardLanguages)

    @contextlib.asynccontextmanager
    async def recognition(self, info: SessionInfo) -> AsyncIterator[asr_adapter.AsrRecognition]:
        """Open the stream to the recogniser.

        Raises:
            MeshError: UNRECOGNIZED_LANGUAGE, with the languages that are known.
        """
        with self.asr.using(info.session_id, info.region) as channel:
            async with asr_adapter.recognition(channel, info, self.endpointing, self.languages) as made:
                yield made

    @contextlib.asynccontextmanager
    async def understander(self, info: SessionInfo) -> AsyncIterator[nlu_adapter.NluUnderstander]:
        """Open the stream to the NLU service."""
        with self.nlu.using(info.session_id, info.region) as channel:
            async with nlu_adapter.understander(channel, info) as made:
                yield made

    @contextlib.asynccontextmanager
    async def voice(self, info: SessionInfo) -> AsyncIterator[tts_adapter.TtsVoice]:
        """Open the stream to the TTS service."""
        with self.tts.using(info.session_id, info.region) as channel:
            async with tts_adapter.voice(channel, info) as made:
                yield made

    def crm(self, info: SessionInfo) -> AbstractAsyncContextManager[crm_adapter.GrpcCrmLink]:
        """Make the link to the CRM gateway."""
        return crm_adapter.crm(self.crm_gateway.channel(info.session_id, info.region), info)

    def consent(self, info: SessionInfo) -> AbstractAsyncContextManager[consent_adapter.GrpcConsentLink]:
        """Open the stream to the consent service."""
        channel = self.consent_service.channel(info.session_id, info.region)
        return consent_adapter.consent(channel, info, self.consent_timeout_s)
