"""One recogniser for the module, as in production but on a free port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest_asyncio
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

from mesh.testing import serve
from services.asr.app import build
from services.asr.config import AsrSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[AsrServiceStub]:
    settings = AsrSettings(listen="127.0.0.1:0", metrics_listen="127.0.0.1:0")
    async with serve(build, settings, service="asr") as service, grpc.aio.insecure_channel(service.address) as line:
        yield AsrServiceStub(line)
