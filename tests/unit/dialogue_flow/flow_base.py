"""A small whole flow file that tests change at one place."""

BASE = """\
domain: test
language: en
version: "1"
description: A flow file to break.
data:
  hours: {Monday: "10:00"}
phrases:
  greeting: Hello.
  how_can_i_help: What is it?
  anything_else: What else?
  say_again: Again?
  options: Anything.
  or_person: Or a person.
  no_luck: No luck.
  hand_over: A person comes.
  which_detail: Which?
  which_one: "{{ choices | either }}?"
  switch: "Rather {{ task }}?"
  dropped: Dropped.
  before_you_go: Wait.
  you_are_welcome: Welcome.
  opted_out: Never again.
  still_there: Hello?
  no_answer: Gone.
  goodbye: Bye.
slots:
  day:
    type: date
    prompt: Which day?
  size:
    type: size
    prompt: What size?
    values: {big: a big one, small: a small one}
  note:
    type: text
    prompt: Say it.
flows:
  main:
    intents: [go]
    steps:
      - ask: day
      - say: "{{ day | day }} it is."
  other:
    intents: [other]
    steps:
      - say: Other.
"""


def changed(old: str, new: str) -> str:
    """The file with one place changed."""
    assert BASE.count(old) == 1, f"{old!r} is not there once"
    return BASE.replace(old, new)


def line_of(text: str, mark: str) -> int:
    """The line a mark stands in, counted from 1."""
    return text[: text.index(mark)].count("\n") + 1
