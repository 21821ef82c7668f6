"""Time that tests move by hand."""

from __future__ import annotations

import pytest
from fakes.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
