"""Fixtures of the flow engine's tests."""

import pytest

from services.dialogue.flow import FlowPolicy, installed_policy


@pytest.fixture(scope="session")
def policy() -> FlowPolicy:
    return installed_policy()
