import json
from pathlib import Path

import pytest

from services.nlu.training.datasets import DatasetError, read_rows, read_split, threshold_from

CLINC = {
    "train": [
        ["pay my bill", "bill"],
        ["settle the bill", "bill"],
        ["my balance", "balance"],
        ["what have I", "balance"],
    ],
    "val": [["how much have I got", "balance"]],
    "test": [["bill payment", "bill"], ["balance please", "balance"]],
    "oos_train": [["why is the sky blue", "oos"]],
    "oos_val": [["who won the match", "oos"]],
    "oos_test": [["how tall is a giraffe", "oos"]],
}
BANKING = 'text,category\nwhere is my card,card\n"card, please",card\ntop me up,top_up\ncan I top up?,top_up\n'


def parts(*names: str) -> str:
    return json.dumps({name: CLINC[name] for name in names})


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_parts_of_clinc_have_their_roles(tmp_path: Path) -> None:
    train = write(tmp_path, "train.json", parts("train", "val", "oos_train", "oos_val"))
    test = write(tmp_path, "test.json", parts("test", "oos_test"))
    split = read_split(train, test)
    assert (split.name, split.seen) == ("clinc150", 0)
    assert {(row.part, row.role, row.label is None) for row in split.train} == {
        ("train", "train", False), ("val", "val", False), ("oos_train", "train", True), ("oos_val", "val", True),
    }  # fmt: skip
    assert [(row.text, row.label) for row in split.test][-1] == ("how tall is a giraffe", None)


def test_the_whole_file_may_be_given_twice_for_its_test_parts_are_never_trained_on(tmp_path: Path) -> None:
    whole = write(tmp_path, "data_full.json", json.dumps(CLINC))
    split = read_split(whole, whole)
    assert {row.part for row in split.train} == {"train", "val", "oos_train", "oos_val"}
    assert {row.part for row in split.test} == {"test", "oos_test"}


@pytest.mark.parametrize("names", [("val", "oos_val"), ("val",)])
def test_a_test_file_of_other_parts_counts_whole(tmp_path: Path, names: tuple[str, ...]) -> None:
    split = read_split(write(tmp_path, "a.json", parts("train", "oos_train")), write(tmp_path, "b.json", parts(*names)))
    assert {row.part for row in split.test} == set(names)


def test_a_part_of_a_test_file_whose_name_says_no_use_counts_too(tmp_path: Path) -> None:
    train = write(tmp_path, "train.json", parts("train", "oos_train"))
    content = {"test": CLINC["test"], "oos": CLINC["oos_test"], "val": CLINC["val"]}
    split = read_split(train, write(tmp_path, "test.json", json.dumps(content)))
    assert {row.part for row in split.test} == {"test", "oos"}
    assert sum(row.label is None for row in split.test) == 1


def test_names_of_parts_may_vary(tmp_path: Path) -> None:
    content = {"Training": CLINC["train"], "dev": CLINC["val"], "out_of_scope_dev": CLINC["oos_val"]}
    train = write(tmp_path, "a.json", json.dumps(content))
    split = read_split(train, write(tmp_path, "b.json", parts("test")))
    assert {(row.part, row.role) for row in split.train} == {
        ("Training", "train"), ("dev", "val"), ("out_of_scope_dev", "val"),
    }  # fmt: skip
    assert [row.label for row in split.train if row.part == "out_of_scope_dev"] == [None]


def test_banking_is_a_table(tmp_path: Path) -> None:
    train = write(tmp_path, "train.csv", "\ufeff" + BANKING)
    test = write(tmp_path, "test.csv", 'text,category\n"my\nnew card",card\n')
    split = read_split(train, test)
    assert split.name == "banking77"
    assert ("card, please", "card") in {(row.text, row.label) for row in split.train}
    assert split.test[0].text == "my\nnew card"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        ("{", "is no JSON"),
        ("[1, 2]", "is no object of parts"),
        ("{}", "has no examples"),
        ('{"train": {"a": "b"}}', "the part 'train' is no list of"),
        ('{"train": [["only a text"]]}', "row 0 of the part 'train' is no"),
        ('{"train": [["a", "x"], ["", "x"]]}', "row 1 of the part 'train' is no"),
        ('{"train": [["a", 3]]}', "row 0 of the part 'train' is no"),
        ('{"train": [["a", "x"], ["b", "x"]]}', "has 1 intents to train on"),
        ('{"train": [["a", "x"], ["b", "y"], ["c", "y"]]}', "the intent 'x' has one example"),
        ('{"test": [["a", "x"], ["b", "y"]]}', "has 0 intents to train on"),
        ("hello\nworld\n", "names no columns text and category"),
        ("text,category\n", "has no examples"),
        ("text,category\nonly a text,\n", "has no text or no category"),
        ('text,category\n"open,x\n', "is no CSV"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, content: str | bytes, said: str) -> None:
    bad = write(tmp_path, "bad", content)
    with pytest.raises(DatasetError) as refusal:
        read_split(bad, write(tmp_path, "test.json", parts("test")))
    assert said in str(refusal.value)
    assert str(bad) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    train = write(tmp_path, "train.json", parts("train", "val"))
    with pytest.raises(DatasetError, match="'top_up' is in no training example"):
        read_split(train, write(tmp_path, "test.csv", "text,category\nmore money,top_up\n"))
    with pytest.raises(DatasetError, match="5 of its 5 texts stand in"):
        read_split(train, train)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_split(train, tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("train", "val", "oos_train", "oos_val"), "the validation part"),
        (
            ("train", "val", "oos_train"),
            "in scope the validation part, out of scope cross-validation of the training file",
        ),
        (("train", "oos_val"), "out of scope the validation part, in scope cross-validation of the training file"),
        (("train", "oos_train"), "cross-validation of the training file"),
        (("train", "val"), "nowhere: the training file has nothing out of scope, so everything is kept"),
    ],
)
def test_what_a_threshold_is_chosen_on_is_said(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    assert threshold_from(read_rows(write(tmp_path, "train.json", parts(*names)))) == said
