"""The service, running as in production but for its free port."""

from collections.abc import AsyncIterator

import grpc
import pytest_asyncio
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.testing import serve
from services.tts.app import build
from services.tts.config import TtsSettings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[TtsServiceStub]:
    async with serve(build, TtsSettings()) as service, grpc.aio.insecure_channel(service.address) as channel:
        yield TtsServiceStub(channel)
