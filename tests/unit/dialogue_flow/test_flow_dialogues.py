"""Whole conversations, line by line: those that lie beside the domains' flows, and more for the engine's corners.

Here the meanings count that are noted down; `voicemesh flow test` has the words understood.
"""

from pathlib import Path

import pytest
from unit.dialogue_flow.flow_harness import Dialogue, dialogues, play

from services.dialogue.flow import FlowPolicy
from services.dialogue.flow.tools.places import flow_folders

SCRIPTS = Path(__file__).parent / "dialogues"
CORNERS = [dialogue for file in sorted(SCRIPTS.glob("*.txt")) for dialogue in dialogues(file)]
BESIDE = [dialogue for folder in flow_folders([]) for dialogue in folder.dialogues()]


@pytest.mark.parametrize("dialogue", CORNERS + BESIDE, ids=lambda each: f"{each.domain}, {each.language}: {each.name}")
def test_dialogue_goes_as_written(policy: FlowPolicy, dialogue: Dialogue) -> None:
    assert play(policy, dialogue) == list(dialogue.lines)


def test_every_domain_is_spoken_with() -> None:
    assert {dialogue.domain for dialogue in CORNERS} == {"clinic", "shop"}
    assert {dialogue.domain for dialogue in BESIDE} == {"clinic", "shop"}
    assert len([dialogue for dialogue in BESIDE if dialogue.language == "en"]) >= 24
    assert len(CORNERS) >= 40
