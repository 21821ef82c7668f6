"""Malformed flows and domains, a file or a folder each: the error names file, line and remedy."""

import json
import shutil
from pathlib import Path

import pytest
from unit.dialogue_flow.flow_base import BASE

from services.dialogue.flow import FlowFileError, installed_policy, load, load_text
from services.dialogue.flow.tools import __main__ as tools
from services.dialogue.flow.tools.places import flow_folders

FOLDER = Path(__file__).parent / "broken"
SEVERAL = Path(__file__).parent / "several"

# What is broken: the line that the error names, a part of the problem, a part of the remedy.
BROKEN = {
    "branch_else_first.yaml": (55, "ways behind 'else' are never gone", "Move 'else' to the end"),
    "condition_syntax.yaml": (55, "no valid template", "Check its brackets"),
    "confirm_nothing.yaml": (61, "confirms nothing", "Name the slots"),
    "data_gap.yaml": (59, "has no attribute 'bread'", "mend the data"),
    "empty.yaml": (1, "the file is empty", "Begin with 'domain: NAME'"),
    "event_unknown.yaml": (62, "unknown event 'OrderPlaced'", "Known: AppointmentCancelled"),
    "filter_unknown.yaml": (60, "No filter named 'weekdy'", "Check its brackets, names and filters"),
    "flow_called_as_action.yaml": (62, "'hours' is a flow and no action", "Write 'run: hours'"),
    "flow_unknown.yaml": (62, "unknown flow 'hour'", "Did you mean 'hours'?"),
    "goto_cycle.yaml": (70, "'hours' can go on for ever", "Put a 'confirm' into the loop"),
    "intent_twice.yaml": (65, "intent 'order' starts flow 'order' already", "one flow only"),
    "key_twice.yaml": (30, "key 'goodbye' is given twice", "Keep one of the two"),
    "key_unknown.yaml": (38, "unknown key 'caled'", "Did you mean 'called'?"),
    "language_unknown.yaml": (2, "no spoken forms for language 'tlh'", "Add a class"),
    "name_unknown.yaml": (
        60,
        "uses 'date', which is neither a slot, a variable nor built in",
        "Declare it under 'slots'",
    ),
    "phrase_missing.yaml": (11, "phrase 'switch' is missing", "Add 'switch: ...'"),
    "phrase_unknown.yaml": (25, "unknown phrase 'you_are_wellcome'", "Did you mean 'you_are_welcome'?"),
    "run_cycle.yaml": (62, "flow 'order' runs 'order', which leads back to it", "Write 'goto: order' instead"),
    "setting_out_of_range.yaml": (8, "min_confidence is 60", "Write a number from 0 to 1"),
    "slot_characters.yaml": (38, "characters is '9..4'", "Write the smaller number first"),
    "slot_name_built_in.yaml": (43, "slot name 'today' is built in", "Call the slot something else"),
    "slot_not_yet_asked.yaml": (51, "'day' is undefined", "Ask for the slot in an earlier step"),
    "slot_unknown.yaml": (57, "unknown slot 'remarks'", "Did you mean 'remark'?"),
    "slot_without_prompt.yaml": (56, "nothing is said to ask for slot 'remark'", "a 'prompt'"),
    "step_double.yaml": (62, "both 'say' and 'end'", "a '- ' line of its own"),
    "step_unknown.yaml": (62, "unknown step 'tell'", "Known: act, ask"),
    "step_unreachable.yaml": (63, "this step is never reached", "Take one of them out"),
    "template_open.yaml": (60, "no valid template", "Check its brackets"),
    "urgent_without_intent.yaml": (65, "an urgent flow without 'intents' is never started", "Add 'intents: [NAME]'"),
    "variable_mistyped.yaml": (53, "variable 'tries' is a number, and 'day' gives '2026-11-23'", "gives a number"),
    "variable_type.yaml": (10, "unknown variable type 'integer'", "Known: boolean, date, money, number"),
    "variable_unknown.yaml": (53, "unknown variable 'trys'", "Did you mean 'tries'?"),
    "version_list.yaml": (3, "version must be a text", "Write it on one line"),
    "yaml_bracket.yaml": (50, "flow sequence that began in line 49", "Check indentation and colons"),
    "yaml_colon.yaml": (15, "mapping values are not allowed here", "in quotes"),
    "yaml_tab.yaml": (37, "cannot start any token", "Check indentation"),
    "action_undeclared/en/flow.yaml": (62, "unknown action 'bake_cake'", "Declare it in the domain's actions.yaml"),
    "action_without_address/actions.yaml": (5, "actions.bake_cake.http.url: Field required", "Add it"),
    "domain_of_folder/en/flow.yaml": (1, "the domain is 'bakery', and its folder", "Write 'domain_of_folder'"),
    "domain_lacks_languages/domain.yaml": (1, "the file lacks 'languages'", "Add 'languages: [...]'"),
    "entity_type_unknown/en/flow.yaml": (32, "unknown entity type 'produce'", "Did you mean 'product'?"),
    "intent_unknown/en/flow.yaml": (72, "unknown intent 'open_hours'", "Did you mean 'opening_hours'?"),
    "intents_no_yaml/en/intents.yaml": (4, "this is not YAML", "Check indentation"),
    "language_not_listed/en/flow.yaml": (2, "language 'en' is not among the domain's", "Add it to 'languages'"),
    "language_of_folder/en/flow.yaml": (2, "the language is 'es', and its folder 'en'", "Write 'en'"),
}


@pytest.mark.parametrize(
    ("file", "line", "problem", "remedy"), [(file, *told) for file, told in BROKEN.items()], ids=BROKEN
)
def test_the_error_names_file_line_and_remedy(file: str, line: int, problem: str, remedy: str) -> None:
    (folder,) = flow_folders([str(FOLDER / file.partition("/")[0])])
    with pytest.raises(FlowFileError) as caught:
        folder.script()
    (mistake,) = caught.value.mistakes
    assert (Path(mistake.file), mistake.line) == (FOLDER / file, line)
    assert problem in mistake.problem
    assert remedy in mistake.remedy
    assert str(caught.value) == f"{FOLDER / file}:{line}: {mistake.problem}. {mistake.remedy}"


def test_every_file_is_in_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file.partition("/")[0] for file in BROKEN}
    assert len(BROKEN) >= 30


def marked(file: Path) -> list[tuple[int, str]]:
    """The lines of a file that say of themselves what is wrong with them."""
    lines = enumerate(file.read_text("utf-8").splitlines(), 1)
    return [(number, part.strip(" &")) for number, line in lines for part in line.split("wrong: ")[1:]]


@pytest.mark.parametrize("name", ["every_part", "steps", "meaning", "not_twice", "domain_and_flow"])
def test_every_mistake_of_a_file_is_told_once_in_the_order_of_the_file(name: str) -> None:
    file = SEVERAL / f"{name}.yaml" if name != "domain_and_flow" else SEVERAL / name / "en" / "flow.yaml"
    with pytest.raises(FlowFileError) as caught:
        load(file)
    own = [mistake for mistake in caught.value.mistakes if mistake.file == str(file)]
    told = [(mistake.line, mistake.problem) for mistake in own]
    wanted = marked(file)
    assert len(wanted) >= 4
    assert [line for line, _ in told] == [line for line, _ in wanted]
    for line, part in wanted:
        assert any(where == line and part in problem for where, problem in told), (line, part, told)
    assert all(mistake.remedy.endswith(".") for mistake in caught.value.mistakes)


def test_every_mistake_of_the_actions_is_told_with_its_line() -> None:
    file = SEVERAL / "domain_and_flow" / "actions.yaml"
    with pytest.raises(FlowFileError) as caught:
        load(SEVERAL / "domain_and_flow" / "en" / "flow.yaml")
    told = [mistake for mistake in caught.value.mistakes if mistake.file == str(file)]
    wanted = marked(file)
    assert [mistake.line for mistake in told] == [line for line, _ in wanted]
    assert all(part in mistake.problem for mistake, (_, part) in zip(told, wanted, strict=True))
    assert all("docs/actions.md" in mistake.remedy for mistake in told)


def test_mistakes_of_the_domain_the_flow_and_its_dialogues_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "domain_and_flow"
    shutil.copytree(SEVERAL / "domain_and_flow", folder)
    (folder / "actions.yaml").unlink()
    (folder / "en" / "intents.yaml").write_text("intents: [\n", "utf-8")
    (folder / "domain.yaml").write_text("name: domain_and_flow\nlanguages: {en: 1}\n", "utf-8")
    flow = folder / "en" / "flow.yaml"
    flow.write_text(flow.read_text("utf-8").replace("title: order something", "titel: order something"), "utf-8")
    assert tools.main(["check", str(folder)]) == 1
    (document,) = json.loads(capsys.readouterr().out)["files"]
    told = [(Path(error["file"]).name, error["line"], error["problem"]) for error in document["errors"]]
    assert told == [
        ("domain.yaml", 1, "the file lacks 'entity_types'"),
        ("domain.yaml", 2, "languages must be a list"),
        ("three.txt", 3, "'what is it' is no line of a dialogue"),
        ("three.txt", 4, "'Sorry?' is no line of a dialogue"),
        ("two.txt", 1, "'hello' begins no dialogue"),
        ("flow.yaml", 48, "unknown key 'titel'"),
        ("intents.yaml", 2, told[-1][2]),
    ]
    assert told[-1][2].startswith("this is not YAML")


def test_all_files_are_told_when_all_flows_are_loaded(tmp_path: Path) -> None:
    for name in ("steps", "meaning"):
        (tmp_path / name / "en").mkdir(parents=True)
        shutil.copy(SEVERAL / f"{name}.yaml", tmp_path / name / "en" / "flow.yaml")
    with pytest.raises(FlowFileError) as caught:
        installed_policy(tmp_path)
    assert {Path(mistake.file).parts[-3] for mistake in caught.value.mistakes} == {"steps", "meaning"}


@pytest.mark.parametrize("part", ["[]", "{}", "x", '""', "- {a: [b]}", None])
def test_whatever_a_line_holds_the_rest_is_read(part: str | None) -> None:
    """Each line of a good file spoilt in turn: mistakes are told, and nothing else is raised."""
    lines = BASE.splitlines()
    wrong: list[FlowFileError] = []
    for number, line in enumerate(lines):
        key, colon, _ = line.partition(":")
        spoilt = [] if part is None else [f"{key}{colon} {part}"]
        text = "\n".join([*lines[:number], *spoilt, *lines[number + 1 :]])
        try:
            load_text(text, "spoilt.yaml")
        except FlowFileError as error:
            wrong.append(error)
    assert len(wrong) >= 15
    assert all(mistake.problem and mistake.remedy for error in wrong for mistake in error.mistakes)
