"""Changed flow files are picked up; a call that runs keeps its version."""

import asyncio
from pathlib import Path

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import call_of, understood

from services.dialogue.flow import FlowPolicy, installed_policy
from services.dialogue.flow.reload import FlowReload
from services.dialogue.policy import State

LONGEST_CALL_S = 100.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Folder:
    """A folder of domains with a reloader whose time a test decides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "test" / "en" / "flow.yaml"
        self.file.parent.mkdir(parents=True)
        self.write(BASE)
        self.clock = Clock()
        self.policy = installed_policy(folder)
        self.reload = FlowReload(self.policy, 0.01, LONGEST_CALL_S, folder, self.clock)

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def look(self) -> None:
        for script in self.reload.changes():
            self.reload.take(script)
        self.reload.forget()

    def version(self) -> str | None:
        return self.policy.present("test", "en-US")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def asked(policy: FlowPolicy, state: State) -> str:
    return policy.respond(state, understood("inform date=2026-11-24"), call_of("test"))[1].text


def begun(policy: FlowPolicy) -> State:
    state, _ = policy.start(call_of("test"))
    return policy.respond(state, understood("go"), call_of("test"))[0]


def test_a_running_call_keeps_its_version(folder: Folder) -> None:
    running = begun(folder.policy)
    folder.write(BASE.replace("it is.", "it will be."))
    folder.look()
    assert asked(folder.policy, running) == "Tuesday, November 24th it is. What else?"
    assert asked(folder.policy, begun(folder.policy)) == "Tuesday, November 24th it will be. What else?"


def test_an_old_version_goes_once_no_call_can_have_it(folder: Folder) -> None:
    running = begun(folder.policy)
    folder.write(BASE.replace("it is.", "it will be."))
    folder.look()
    folder.clock.now = LONGEST_CALL_S - 1
    folder.look()
    assert "it is." in asked(folder.policy, running)
    folder.clock.now = LONGEST_CALL_S
    folder.look()
    assert "it will be." in asked(folder.policy, running)


def test_a_version_that_comes_back_is_kept(folder: Folder) -> None:
    running = begun(folder.policy)
    for text, now in ((BASE.replace("it is.", "it was."), 0.0), (BASE, 10.0), (BASE.replace("it is.", "so."), 50.0)):
        folder.clock.now = now
        folder.write(text)
        folder.look()
    folder.clock.now = LONGEST_CALL_S + 20
    folder.look()
    assert "it is." in asked(folder.policy, running)


def test_a_bad_file_is_refused_and_the_version_before_it_stays(
    folder: Folder, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    before = folder.version()
    for bad in (BASE.replace("ask: day", "ask: dya"), "", "\x00", "phrases: ["):
        folder.write(bad)
        folder.look()
        assert folder.version() == before
    logged = caplog.text + "".join(capsys.readouterr())
    assert "flow.refused" in logged
    assert "unknown slot" in logged
    folder.file.write_bytes(b"\xff\xfe")
    folder.look()
    assert folder.version() == before
    folder.write(BASE.replace("it is.", "at last."))
    folder.look()
    assert folder.version() != before


def test_new_files_are_taken_and_deleted_ones_stay(folder: Folder) -> None:
    new = folder.folder / "more" / "en" / "flow.yaml"
    new.parent.mkdir(parents=True)
    new.write_text(BASE.replace("domain: test", "domain: more"))
    folder.look()
    assert [info.name for info in folder.policy.domains()] == ["more", "test"]
    folder.file.unlink()
    folder.look()
    assert folder.policy.start(call_of("test"))[1].sentences


def test_a_file_that_was_only_touched_changes_nothing(folder: Folder) -> None:
    before = folder.version()
    folder.write(f"{BASE}# a remark\n")
    folder.look()
    assert folder.version() != before  # its text is another
    folder.write(BASE)
    folder.look()
    assert folder.version() == before


async def test_it_looks_by_itself(folder: Folder) -> None:
    before = folder.version()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(folder.reload.run())
        folder.write(BASE.replace("it is.", "it will be."))
        while folder.version() == before:
            await asyncio.sleep(0.01)
        task.cancel()
