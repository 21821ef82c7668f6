"""Every mistake in a flow file is named by file, line and remedy."""

from pathlib import Path

import pytest
from unit.dialogue_flow.flow_base import BASE, changed, line_of

from mesh.config import ConfigError
from services.dialogue.flow import FlowFileError, installed_policy, load, load_text

STEP = '      - say: "{{ day | day }} it is."\n'
LAST = "      - say: Other.\n"

# What is changed, into what, the mark whose line the error names, part of the problem, part of the remedy.
BROKEN = {
    "no yaml": ("greeting: Hello.", "greeting: [Hello", "how_can_i_help", "not YAML", "quotes"),
    "tab": ("  greeting: Hello.", "\tgreeting: Hello.", "\tgreeting", "not YAML", "indentation"),
    "unknown top key": ("domain: test", "domian: test", "domian", "unknown key 'domian'", "'domain'"),
    "key twice": ("  goodbye: Bye.", "  goodbye: Bye.\n  goodbye: Ciao.", "Ciao", "given twice", "Keep one"),
    "missing key": ("    type: date\n", "    keep: true\n", "  day:", "lacks 'type'", "Add 'type"),
    "missing phrase": ("  switch: \"Rather {{ task }}?\"\n", "", "phrases:", "'switch' is missing", "Add 'switch"),
    "unknown phrase": ("  dropped: Dropped.", "  droped: Dropped.", "droped", "unknown phrase", "'dropped'"),
    "empty text": ("  goodbye: Bye.", '  goodbye: ""', "goodbye", "is empty", "Write a text"),
    "empty list": ("  goodbye: Bye.", "  goodbye: []", "goodbye", "empty list", "at least one"),
    "text is a mapping": ("  goodbye: Bye.", "  goodbye: {a: b}", "goodbye", "must be a text", "one line"),
    "language": ("language: en", "language: tlh", "tlh", "no spoken forms", "spoken/"),
    "slot name built in": ("  note:\n", "  today:\n", "  today:", "is built in", "something else"),
    "slot name": ("  note:\n", "  my note:\n", "  my note:", "no identifier", "letters"),
    "unknown slot in ask": ("- ask: day", "- ask: dya", "- ask: dya", "unknown slot 'dya'", "'day'"),
    "slot without prompt": ("    prompt: Which day?\n", "", "- ask: day", "nothing is said", "'prompt'"),
    "unknown step": ("- ask: day", "- aks: day", "- aks", "unknown step 'aks'", "'ask'"),
    "two steps in one": ("- ask: day\n", "- ask: day\n        say: Yes.\n", "- ask", "both 'ask' and 'say'", "own"),
    "no steps": ("    steps:\n" + LAST, "    steps: []\n", "steps: []", "has no steps", "at least one"),
    "steps is no list": ("    steps:\n" + LAST, "    steps: Other.\n", "steps: Other", "must be a list", "'- '"),
    "template syntax": (STEP, '      - say: "{{ day | }}"\n', "{{ day | }}", "no valid template", "brackets"),
    "unknown filter": (STEP, '      - say: "{{ day | dya }}"\n', "{{ day | dya }}", "'dya'", "filters"),
    "unknown name": (STEP, '      - say: "{{ dya }}"\n', "{{ dya }}", "uses 'dya'", "Declare it"),
    "slot not asked": (STEP, '      - say: "{{ size }}"\n', "{{ size }}", "'size' is undefined", "earlier step"),
    "data missing": (STEP, '      - say: "{{ data.huors }}"\n', "data.huors", "huors", "mend the data"),
    "data with a gap": (STEP, '      - say: "{{ data.hours[day | weekday] }}"\n', "data.hours", "Tuesday", "data"),
    "unsafe template": (STEP, '      - say: "{{ day.__class__ }}"\n', "__class__", "unsafe", "mend"),
    "prompt needs another slot": (
        "prompt: What size?", 'prompt: "{{ day }} in what size?"', "in what size", "'day' is undefined", "guard"
    ),
    "silent phrase asks the time": ("still_there: Hello?", 'still_there: "{{ now }}"', "{{ now }}", "'now'", "guard"),
    "condition": (LAST, "      - branch:\n          - if: size ==\n            then: [{say: a}]\n", "if: size",
                  "template", "brackets"),
    "else in the middle": (
        LAST,
        "      - branch:\n          - else: [{say: a}]\n          - if: today\n            then: [{say: b}]\n",
        "- else", "never gone", "end of the branch",
    ),
    "branch without ways": (LAST, "      - branch: []\n", "- branch", "without ways", "if:"),
    "unknown event": (LAST, "      - act: AppointmentRequestd\n", "- act", "unknown event", "'AppointmentRequested'"),
    "unknown event field": (
        LAST, "      - act: OptOutRequested\n        fields: {chanel: voice}\n", "chanel", "no text field", "'channel'"
    ),
    "missing event field": (LAST, "      - act: OptOutRequested\n", "- act", "lacks field 'channel'", "'fields'"),
    "unknown flow": (LAST, "      - goto: mian\n", "- goto", "unknown flow 'mian'", "'main'"),
    "endless loop": (LAST, "      - goto: other\n", "  other:\n", "go on for ever", "confirm"),
    "flow calls itself": (LAST, "      - say: a\n      - run: other\n", "- run", "leads back to it", "goto: other"),
    "unknown mending flow": (
        "    intents: [other]", "    intents: [other]\n    after_correction: mian",
        "  other:\n", "'mian'", "'main'"
    ),
    "intent twice": ("intents: [other]", "intents: [go]", "    intents: [go]\n    steps:\n      - say",
                     "starts flow 'main'", "one flow"),
    "universal intent": ("intents: [other]", "intents: [affirm]", "intents: [affirm]", "every domain", "Take it out"),
    "kind": ("    intents: [other]", "    kind: infomation\n    intents: [other]", "infomation", "unknown kind",
             "'information'"),
    "confirms nothing": (LAST, "      - confirm: Yes?\n        slots: []\n", "slots: []", "confirms nothing", "Name"),
    "setting out of range": ("data:\n", "settings: {min_confidence: 7}\ndata:\n", "settings", "is 7", "from 0 to 1"),
    "setting no number": ("data:\n", "settings: {max_turns: many}\ndata:\n", "settings", "a number", "from 1"),
    "flag": ("    type: text\n", "    type: text\n    keep: yes\n", "keep: yes", "true or false", "keep: true"),
    "alias to itself": ("data:\n", "data:\n  loop: &loop [*loop]\n", "loop", "nested without end", "alias"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "mark", "problem", "remedy"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_says_what_to_do(old: str, new: str, mark: str, problem: str, remedy: str) -> None:
    text = changed(old, new)
    with pytest.raises(FlowFileError) as caught:
        load_text(text, "some/flow.yaml")
    (mistake,) = caught.value.mistakes
    assert problem in mistake.problem
    assert remedy in mistake.remedy
    assert mistake.line == line_of(text, mark)
    assert str(caught.value) == f"some/flow.yaml:{mistake.line}: {mistake.problem}. {mistake.remedy}"


def test_the_whole_file_is_good() -> None:
    assert set(load_text(BASE, "flow.yaml").flows) == {"main", "other"}


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(FlowFileError, match=r"flow.yaml:1: the file is empty. Begin with 'domain: NAME'."):
        load_text("", "flow.yaml")


def test_clock_times_in_data_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(changed('{Monday: "10:00"}', "{open: 10:30, day: no, count: 3, share: 0.5, sure: true, gone: ~}"))
    data = load(path).data["hours"]
    assert data == {"open": "10:30", "day": "no", "count": 3, "share": 0.5, "sure": True, "gone": None}


def test_the_version_changes_with_the_text() -> None:
    assert load_text(BASE, "a").version == load_text(BASE, "b").version
    assert load_text(BASE, "a").version != load_text(changed("Bye.", "Ciao."), "a").version


def test_a_folder_without_flows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no <domain>/<language>/flow.yaml"):
        installed_policy(tmp_path)


def test_flows_that_call_each_other_are_refused() -> None:
    text = changed(LAST, "      - confirm: Yes?\n        slots: [day]\n      - goto: main\n")
    load_text(text, "flow.yaml")  # going back and forth is fine while the caller is asked on the way
    with pytest.raises(FlowFileError, match=r"flow 'main' runs 'other', which leads back to it. Write 'goto: other'"):
        load_text(text.replace(STEP, "      - run: other\n"), "flow.yaml")
