"""A consent service as production runs it, and what a client of it says."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.testing import serve
from services.consent.app import build
from services.consent.config import ConsentSettings


@pytest.fixture
def settings(tmp_path: Path) -> ConsentSettings:
    return ConsentSettings(
        listen="127.0.0.1:0", metrics_listen="127.0.0.1:0", state_dir=tmp_path, nats_url="", drain_s=0.5
    )


@pytest.fixture
async def stub(settings: ConsentSettings) -> AsyncIterator[ConsentServiceStub]:
    async with (
        serve(build, settings, service="consent") as consent,
        grpc.aio.insecure_channel(consent.address) as channel,
    ):
        yield ConsentServiceStub(channel)
