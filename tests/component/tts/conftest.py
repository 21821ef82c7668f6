"""The service, running as in production but for its free port."""

from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
import pytest_asyncio
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.testing import serve
from services.tts.app import build
from services.tts.config import TtsSettings


@pytest.fixture(scope="session", autouse=True)
def _own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests' services write out of the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEMESH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(_own_cache_folder: None) -> AsyncIterator[TtsServiceStub]:
    async with serve(build, TtsSettings()) as service, grpc.aio.insecure_channel(service.address) as channel:
        yield TtsServiceStub(channel)
