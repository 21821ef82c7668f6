"""Whole conversations in both example domains, line by line; see flow_harness.py for the scripts' form."""

from pathlib import Path

import pytest
from unit.dialogue_flow.flow_harness import Dialogue, dialogues, play

from services.dialogue.flow import FlowPolicy

SCRIPTS = Path(__file__).parent / "dialogues"
DIALOGUES = [dialogue for file in sorted(SCRIPTS.glob("*.txt")) for dialogue in dialogues(file)]


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: f"{dialogue.domain}: {dialogue.name}")
def test_dialogue_goes_as_written(policy: FlowPolicy, dialogue: Dialogue) -> None:
    assert play(policy, dialogue) == list(dialogue.lines)


def test_every_domain_is_spoken_with() -> None:
    assert {dialogue.domain for dialogue in DIALOGUES} == {"clinic", "shop"}
    assert len(DIALOGUES) >= 40
