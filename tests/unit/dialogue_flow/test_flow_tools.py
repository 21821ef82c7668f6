"""The tools for a flow's author: scripts read and written, a talk in the terminal, a drawing that can be read."""

import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import ZONE
from unit.dialogue_flow.test_flow_actions import HEAD, LOOKUP

from services.dialogue.flow import FlowFileError, FlowPolicy, installed_policy, load_text
from services.dialogue.flow.tools import __main__ as program
from services.dialogue.flow.tools.chat import chat
from services.dialogue.flow.tools.graph import draw
from services.dialogue.flow.tools.places import NothingThereError, flow_folders, one_flow
from services.dialogue.flow.tools.play import play, rewritten
from services.dialogue.flow.tools.scripts import Dialogue, read_dialogues, understood
from services.dialogue.policy import CallInfo, Entity, Expectation, Understanding

ACTING = FlowPolicy([load_text(f"{HEAD}flows:\n{LOOKUP}", "flow.yaml")])
NOTED = """\
# looks something up
< Hello. What is it?
> go date=2026-11-24 | On Tuesday.
< One moment.
? look date=2026-11-24 zone=America/New_York
: price='49.90 USD'
< It costs 49 dollars and 90 cents on Tuesday. Yes?
> affirm | Yes.
< Good. What else?

# cannot look it up
< Hello. What is it?
> go date=2026-11-24 | On Tuesday.
< One moment.
? look date=2026-11-24 zone=America/New_York
: error='too late'
< I could not look. Without a price. What else?
"""


def scripted(text: str, folder: Path) -> list[Dialogue]:
    path = folder / "script.txt"
    path.write_text(text, "utf-8")
    return read_dialogues(path, "test", "en")


def test_actions_are_part_of_a_script(tmp_path: Path) -> None:
    dialogues = scripted(NOTED, tmp_path)
    assert [dialogue.line for dialogue in dialogues] == [1, 11]
    played = [play(ACTING, dialogue, time_zone=ZONE) for dialogue in dialogues]
    assert all(each.passed for each in played), [each.diff() for each in played]
    assert rewritten(played) == NOTED


def test_words_are_understood_and_their_meaning_is_noted_down(tmp_path: Path) -> None:
    heard = Understanding(
        "On Tuesday or Thursday, at ten.",
        "go",
        0.71,
        entities=(
            Entity("date", "2026-11-24", "Tuesday", confidence=0.9),
            Entity("date", "2026-11-26", "Thursday", confidence=0.4),
            Entity("time", "10:00", "ten", alternatives=("22:00",), confidence=0.6),
            Entity("name", "Ann Lee", "Ann Lee"),
        ),
    )
    waited: list[tuple[str, ...]] = []

    def understand(text: str, expectation: Expectation, call: CallInfo) -> Understanding:
        assert (text, call.domain) == (heard.text, "test")
        waited.append(expectation.intents)
        return heard

    (dialogue,) = scripted(f"# speaks\n> {heard.text}\n", tmp_path)
    played = play(ACTING, dialogue, time_zone=ZONE, understand=understand)
    assert not played.passed
    assert waited == [("go", "greet", "help")]
    line = (
        "> go@0.71 date=2026-11-24~Tuesday date=2026-11-26@0.40~Thursday time=10:00/22:00@0.60 name='Ann Lee' "
        f"| {heard.text}"
    )
    assert line in played.noted
    again = understood(line.removeprefix("> "))
    assert (again.intent, again.confidence, again.text) == ("go", 0.71, heard.text)
    assert again.entities[1] == Entity("date", "2026-11-26", "Thursday", 14, 22, 0.4)
    assert again.entities[2] == Entity("time", "10:00", confidence=0.6, alternatives=("22:00",))
    assert play(ACTING, scripted(rewritten([played]), tmp_path)[0], time_zone=ZONE).lines == played.noted


def play_all(text: str, folder: Path) -> None:
    for dialogue in scripted(text, folder):
        play(ACTING, dialogue, time_zone=ZONE)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("> hello\n", 1, "begins no dialogue"),
        ("# one\n< Hello.\nand then\n", 3, "is no line of a dialogue"),
        ("# one\n\n# two\n@ item=order\n", 4, "not enough values"),
        ("# one\n@ now=soon\n", 2, "Invalid isoformat"),
        ("# one\n@ flow=baking\n", 2, "has no flow 'baking'"),
        ("# one\n> hello\n", 2, "the meaning of 'hello' is not noted down"),
    ],
)
def test_a_script_that_cannot_be_played_says_where(tmp_path: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(FlowFileError) as caught:
        play_all(text, tmp_path)
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert problem in mistake.problem


def test_what_names_stand_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic, *_ = flow_folders(["clinic"])
    assert (clinic.domain, clinic.language, clinic.time_zone) == ("clinic", "en", "America/New_York")
    assert flow_folders([str(clinic.flow)])[0].flow == clinic.flow
    assert flow_folders([str(clinic.flow.parent)]) == [clinic]
    (alone,) = flow_folders([str(clinic.scripts[0])])
    assert alone.scripts == clinic.scripts[:1]
    (both,) = flow_folders([str(clinic.scripts[0]), str(clinic.flow.parent)])
    assert set(both.scripts) == set(clinic.scripts)
    assert {folder.domain for folder in flow_folders([])} == {"clinic", "shop"}
    assert one_flow("shop").language == "en"
    (tmp_path / "own" / "en").mkdir(parents=True)
    (tmp_path / "own" / "en" / "flow.yaml").write_text(BASE.replace("domain: test", "domain: own"), "utf-8")
    monkeypatch.setenv("VOICEMESH_DOMAINS_DIR", str(tmp_path))
    assert [folder.domain for folder in flow_folders([])] == ["own"]
    with pytest.raises(NothingThereError, match=r"name a file, a folder, or a domain \(own\)"):
        flow_folders(["bakery"])


def test_the_program_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["check", "clinic"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["flows"][0] == "book"
    assert program.main(["check", str(Path(__file__).parent / "broken")]) == 1
    files = json.loads(capsys.readouterr().out)["files"]
    errors = [error["message"] for file in files for error in file.get("errors", ())]
    assert any("intent_unknown/en/flow.yaml:72: unknown intent" in message for message in errors)
    assert program.main(["test", "nowhere"]) == 2
    assert "name a file" in json.loads(capsys.readouterr().out)["error"]


def test_a_talk_in_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = [
        "go date=2026-11-24 | On Tuesday.",
        "/help",
        "/slots",
        "/step",
        "/keys 7",
        "/silence",
        "/quit",
        "never heard",
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(["", "/slots", "/step", *said])))
    folder = one_flow("clinic")
    meanings = iter([understood("book_appointment service=cleaning | A cleaning.")])
    document = chat(folder, lambda _text, _expectation, _call: next(meanings), options="contact='Ann Lee'")
    shown = capsys.readouterr().out
    assert "agent < Bright Smile Dental. How can I help?" in shown
    assert "nothing is known yet" in shown
    assert "between two tasks" in shown
    assert "agent < Which day suits you?" in shown
    assert "service = cleaning" in shown
    assert "book, step 2 of 7: ask day" in shown
    assert "Sorry, could you say that again?" in shown
    assert [turn["caller"] for turn in document["turns"]] == [said[0], "/keys 7", "/silence"]
    assert document["turns"][0]["intent"] == "book_appointment"
    assert document["slots"] == {"service": "cleaning", "name": "Ann Lee"}
    assert (document["ended"], document["disposition"]) == (False, "caller_hung_up")


def test_a_talk_about_no_call_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    chatting = ["chat", "clinic", "--nlu", "127.0.0.1:1", "--options"]
    assert program.main([*chatting, "now=soon"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: 'now=soon' says nothing of a call: Invalid isoformat")
    assert program.main([*chatting, "flow=baking", "--json"]) == 2
    assert "has no flow 'baking'" in json.loads(capsys.readouterr().out)["error"]


# The drawing.

EVERYTHING = """
  go:
    title: a very long title of a flow that does everything there is to do in a flow
    intents: [go, another_intent_with_a_long_name, and_one_more_intent_with_a_long_name]
    urgent: 3
    collects: [size]
    steps:
      - set: {tries: tries + 1}
      - branch:
          - if: size is defined and size == "big" and day is defined and today == "2026-11-20" and now < "10:00"
            then:
              - branch:
                  - if: day is defined
                    then: [{hand_over: much_too_big_for_us}]
                  - else: [{goto: last}]
          - if: size is defined
            then: [{say: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"}]
      - call: look
        with: {one: "1", two: "2"}
        effect: true
        timeout: 2.5
        into: {note: text}
        failed:
          - say: "It failed & that is < good."
            uninterruptible: true
          - end: Bye.
      - call: look
      - ask: day
        optional: true
      - run: last
      - act: OptOutRequested
        fields: {channel: voice}
      - confirm: "{{ note }} on {{ day | day if day is defined }}?"
        slots: [note]
  last:
    steps: [{say: [Last., The last.]}]
"""
Box = tuple[float, float, float, float]


def boxes(svg: str) -> tuple[list[tuple[str, Box]], list[Box]]:
    """Where texts and cards are, from the left upper corner of the drawing; a text is as wide as DejaVu Sans Mono."""
    space = "{http://www.w3.org/2000/svg}"
    texts: list[tuple[str, Box]] = []
    cards: list[Box] = []

    def walk(node: ET.Element, x: float, y: float) -> None:
        moved = re.fullmatch(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        if node.tag == f"{space}text":
            size = {"title": 20.0, "flow": 14.0, "small": 11.0, "if": 11.0}.get(node.get("class", ""), 12.0)
            width = len(node.text or "") * size * (0.68 if size > 12 else 0.602)
            left = x + float(node.get("x", 0)) - (width / 2 if node.get("text-anchor") else 0)
            bottom = y + float(node.get("y", 0))
            texts.append((node.text or "", (left, bottom - 0.75 * size, left + width, bottom + 0.2 * size)))
        if node.tag == f"{space}rect":
            cards.append((x, y, x + float(node.get("width", 0)), y + float(node.get("height", 0))))
        for child in node:
            walk(child, x, y)

    walk(ET.fromstring(svg), 0.0, 0.0)
    return texts, cards


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def inside(one: Box, other: Box) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


DRAWN = {
    "everything": load_text(
        f"variables: {{tries: {{type: number, initial: 0}}}}\n{HEAD}flows:\n{EVERYTHING}", "f.yaml"
    ),
    **{name: installed_policy()._script(name, "en") for name in ("clinic", "shop")},
}


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_in_a_drawing_overlaps(name: str) -> None:
    script = DRAWN[name]
    texts, (page, *cards) = boxes(draw(script))
    words = [text for text, _ in texts]
    assert f"{script.domain} ({script.language})" in words
    assert {flow.title for flow in script.flows.values()} <= set(words)
    for number, (text, box) in enumerate(texts):
        assert inside(box, page), text
        for other, place in texts[number + 1 :]:
            assert not overlap(box, place), (text, other)
        for card in cards:
            assert inside(box, card) or not overlap(box, card), text
    for number, card in enumerate(cards):
        for other_card in cards[number + 1 :]:
            assert inside(other_card, card) or not overlap(card, other_card)


def test_a_drawing_shows_every_step() -> None:
    words = [text for text, _ in boxes(draw(DRAWN["everything"]))[0]]
    for wanted in ("set", "do look, 2.5 s", "look up look", "ask day (optional)", "run last", "go to last", "event",
                   "confirm", "say, to its end", "end the call", "hand over: much_too_big_for_us", "done", "failed",
                   "It failed & that is < good.", "Last. (+1)", "back to what ran it"):  # fmt: skip
        assert wanted in words
