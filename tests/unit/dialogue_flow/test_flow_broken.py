"""Malformed flows and domains, a file or a folder each: the error names file, line and remedy."""

from pathlib import Path

import pytest

from services.dialogue.flow import FlowFileError
from services.dialogue.flow.tools.places import flow_folders

FOLDER = Path(__file__).parent / "broken"

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
    "variable_type.yaml": (10, "unknown type 'integer' of a variable", "Known: boolean, date, money, number"),
    "variable_unknown.yaml": (53, "unknown variable 'trys'", "Did you mean 'tries'?"),
    "version_list.yaml": (3, "version must be a text", "Write it on one line"),
    "yaml_bracket.yaml": (50, "flow sequence that began in line 49", "Check indentation and colons"),
    "yaml_colon.yaml": (15, "mapping values are not allowed here", "in quotes"),
    "yaml_tab.yaml": (37, "cannot start any token", "Check indentation"),
    "action_undeclared/en/flow.yaml": (62, "unknown action 'bake_cake'", "Declare it in the domain's actions.yaml"),
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
    error = caught.value
    assert (Path(error.file), error.line) == (FOLDER / file, line)
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error) == f"{FOLDER / file}:{line}: {error.problem}. {error.remedy}"


def test_every_file_is_in_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file.partition("/")[0] for file in BROKEN}
    assert len(BROKEN) >= 30
