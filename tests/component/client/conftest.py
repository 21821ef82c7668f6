"""A mesh that does what the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.dialogue_server import FakeDialogue, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def dialogue() -> AsyncIterator[FakeDialogue]:
    async with serving() as fake:
        yield fake
