"""What events say is compared with what a business system holds: deleted, doubled, changed and foreign records."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from fakes.background import eventually
from fakes.crm_world import an_event_context, sync_settings
from fakes.nats_server import NatsServer
from fakes.simulator import Simulated, simulator
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged

from mesh import bus as mesh_bus
from mesh.bus import Bus
from mesh.config import ConfigError
from mesh.database import database, sqlite_url, transaction
from mesh.testing import serve
from services.crm_gateway.adapters import tables
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.reconciliation.__main__ import document, main, moment
from services.crm_gateway.reconciliation.app import Order, reconcile
from services.crm_gateway.reconciliation.model import Finding, Report
from services.crm_gateway.sync.app import build as build_sync
from voicemesh_cli import tool
from voicemesh_cli.commands import crm

SINCE = timedelta(hours=1)


class Place:
    """A business system, the settings of its sync process, and its database."""

    def __init__(self, settings: CrmSyncSettings, there: Simulated, engine: AsyncEngine, bus: Bus) -> None:
        self.settings = settings
        self.there = there
        self.engine = engine
        self.bus = bus

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        async with serve(build_sync, self.settings, service="crm-sync"):
            yield

    async def compare(self, *, repair: bool = False) -> Report:
        return await reconcile(self.settings, Order("clinic", datetime.now(UTC) - SINCE, repair), lambda _: None)

    async def settled(self, count: int) -> None:
        """Wait until so many deliveries were made, and none waits."""

        async def done() -> bool:
            async with self.engine.connect() as connection:
                states = (await connection.execute(sa.select(tables.deliveries.c.state))).scalars().all()
            return states.count("written") == count and "waiting" not in states

        await eventually(done)

    @property
    def tickets(self) -> list[dict[str, Any]]:
        return [ticket for ticket in self.there.system.tickets if not ticket["deleted"]]


@contextlib.asynccontextmanager
async def a_place(folder: Path, nats: NatsServer, database_url: str) -> AsyncIterator[Place]:
    """Six complaints, written by a worker that has ended since."""
    async with simulator() as there, mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        settings = sync_settings(
            folder, nats_url=nats.url, database_url=database_url, crm_vendor="simulator", crm_url=there.url
        )
        async with database(database_url) as engine:
            place = Place(settings, there, engine, bus)
            async with place.worker():
                for number in range(6):
                    context = an_event_context(f"e{number}", session_id=f"s{number}", phone=f"+1555000{number:04d}")
                    await bus.publish(ComplaintLogged(context=context, category=f"late {number}"))
                await place.settled(6)
            yield place


@pytest.fixture
async def place(tmp_path: Path, nats: NatsServer) -> AsyncIterator[Place]:
    async with a_place(tmp_path, nats, sqlite_url(tmp_path / "crm.db")) as place:
        yield place


def by_event(report: Report) -> dict[str, Finding]:
    return {difference.event_id: difference.finding for difference in report.differences}


async def test_where_nothing_differs_nothing_is_reported(place: Place) -> None:
    report = await place.compare(repair=True)
    assert (report.matched, report.left, report.differences) == (6, 0, [])


async def test_what_people_did_by_hand_is_found_and_put_right(
    tmp_path: Path, nats: NatsServer, database_url: str
) -> None:
    async with a_place(tmp_path, nats, database_url) as place:
        await by_hand(place)


async def by_hand(place: Place) -> None:
    system, (_, first, second, third, *_) = place.there.system, place.tickets
    said = third["title"]
    system.edit("tickets", first["id"], {"deleted": True})
    system.add("tickets", {name: value for name, value in second.items() if name != "id"})
    system.edit("tickets", third["id"], {"title": "early", "fields": {**third["fields"], "category": "early"}})
    system.add("tickets", {**third, "external_id": "by-hand"})
    report = await place.compare()
    found = {
        first["external_id"]: Finding.MISSING,
        second["external_id"]: Finding.DUPLICATED,
        third["external_id"]: Finding.DIFFERENT,
        "by-hand": Finding.UNEXPECTED,
    }
    assert {difference.record_id: difference.finding for difference in report.differences} == found
    assert (report.matched, report.repaired, report.left) == (3, 0, 4)
    changed = next(one for one in report.differences if one.finding is Finding.DIFFERENT)
    assert changed.fields == {"title": (said, "early"), "fields.category": (said, "early")}
    twice = next(one for one in report.differences if one.finding is Finding.DUPLICATED)
    assert len(twice.there) == 2

    repaired = await place.compare(repair=True)
    assert (repaired.repaired, repaired.left) == (2, 2)
    async with place.worker():
        # A correction is a delivery of its own.
        await place.settled(7)
    again = await place.compare()
    assert sorted(by_event(again).values()) == [Finding.DUPLICATED, Finding.UNEXPECTED]
    assert again.matched == 5
    assert next(one for one in place.tickets if one["id"] == third["id"])["title"] == said
    assert [one["title"] for one in place.tickets if one["external_id"] == first["external_id"]] == [first["title"]]


async def test_a_delivery_that_was_lost_is_made_from_its_event(place: Place) -> None:
    lost = place.tickets[4]
    place.there.system.edit("tickets", lost["id"], {"deleted": True})
    async with transaction(place.engine) as connection:
        its = tables.deliveries.c.record_id == lost["external_id"]
        event_id = (await connection.execute(sa.select(tables.deliveries.c.event_id).where(its))).scalar_one()
        await connection.execute(tables.deliveries.delete().where(its))
    report = await place.compare(repair=True)
    (difference,) = report.differences
    assert (difference.finding, difference.event_id, difference.repaired) == (Finding.MISSING, event_id, True)
    assert difference.note == "its event was taken, and left no delivery"
    async with place.worker():
        await place.settled(6)
    assert [one["external_id"] for one in place.tickets].count(lost["external_id"]) == 1
    assert (await place.compare()).left == 0


async def test_what_was_not_taken_from_the_stream_yet_is_on_its_way(place: Place) -> None:
    context = an_event_context("e9", session_id="s9")
    await place.bus.publish(ComplaintLogged(context=context, category="late"))
    report = await place.compare()
    assert (report.matched, report.waiting, report.left) == (6, 1, 0)


async def test_a_dead_letter_is_missing_and_named(place: Place) -> None:
    ticket = place.tickets[0]
    place.there.system.edit("tickets", ticket["id"], {"deleted": True})
    async with transaction(place.engine) as connection:
        deleted = tables.deliveries.c.record_id == ticket["external_id"]
        dead = tables.deliveries.update().where(deleted)
        await connection.execute(dead.values(state="dead", last_error="too long"))
    report = await place.compare(repair=True)
    (difference,) = report.differences
    assert (difference.finding, difference.repaired) == (Finding.MISSING, False)
    assert difference.note.startswith("a dead letter: voicemesh crm dlq show ")
    assert json.loads(json.dumps(document(report)))["left"] == 1


async def test_the_local_records_are_compared_with_events(tmp_path: Path, nats: NatsServer) -> None:
    database_url = sqlite_url(tmp_path / "crm.db")
    settings = sync_settings(tmp_path, nats_url=nats.url, database_url=database_url)
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus, database(database_url) as engine:
        async with serve(build_sync, settings, service="crm-sync"):
            for number in range(3):
                context = an_event_context(f"e{number}", session_id=f"s{number}")
                await bus.publish(ComplaintLogged(context=context, category="late"))

            async def taken() -> bool:
                order = Order("clinic", datetime.now(UTC) - SINCE)
                return (await reconcile(settings, order, lambda _: None)).matched == 3

            await eventually(taken)
        async with transaction(engine) as connection:
            await connection.execute(tables.records.delete().where(tables.records.c.event_id == "e1"))
            renamed = tables.records.update().where(tables.records.c.event_id == "e2")
            await connection.execute(renamed.values(record_id="by-hand", event_id="nobody's"))
        order = Order("clinic", datetime.now(UTC) - SINCE, repair=True)
        report = await reconcile(settings, order, lambda _: None)
        assert sorted(one.finding for one in report.differences) == ["missing", "missing", "unexpected"]
        assert (report.repaired, report.left) == (2, 1)
        async with engine.connect() as connection:
            there = set((await connection.execute(sa.select(tables.records.c.event_id))).scalars())
        assert there == {"e0", "e1", "e2", "nobody's"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30m", datetime(2026, 5, 1, 11, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 4, 24, 12, 0, tzinfo=UTC)),
        ("2026-05-01T08:00", datetime(2026, 5, 1, 8, 0, tzinfo=UTC)),
        ("2026-05-01T08:00+02:00", datetime(2026, 5, 1, 6, 0, tzinfo=UTC)),
    ],
)
def test_since_when(text: str, wanted: datetime) -> None:
    assert moment(text, datetime(2026, 5, 1, 12, 0, tzinfo=UTC)) == wanted


@pytest.mark.parametrize("text", ["yesterday", "7w", "2026-05-02T08:00"])
def test_no_such_moment(text: str) -> None:
    with pytest.raises(ConfigError, match="--since"):
        moment(text, datetime(2026, 5, 1, 12, 0, tzinfo=UTC))


REPORT = {
    "vendor": "simulator",
    "since": "2026-05-01T08:00:00+00:00",
    **dict.fromkeys(("matched", "waiting", "held_back", "duplicated", "different", "unexpected", "repaired"), 0),
    "missing": 1,
    "left": 1,
    "differences": [
        {
            "finding": "different",
            "record_id": "r1",
            "kind": "complaint",
            "repaired": False,
            "there": ["T000007"],
            "fields": {"title": ["late", "early"]},
            "note": "",
        }
    ],
}


def test_the_command_says_what_is_left_and_fails_then(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(*arguments: str) -> dict[str, Any]:
        asked.append(arguments)
        return REPORT

    monkeypatch.setattr(tool, "document_of", answer)
    app = typer.Typer()
    crm.register(app)
    result = CliRunner().invoke(app, ["crm", "reconcile", "--tenant", "clinic", "--since", "7d", "--repair"])
    assert result.exit_code == 1
    for words in ("1 missing", "there as T000007", "title: 'early' instead of 'late'"):
        assert words in " ".join(result.output.split())
    assert asked == [("services.crm_gateway.reconciliation", "--tenant", "clinic", "--since", "7d", "--repair")]
    monkeypatch.setitem(REPORT, "unexpected", 1)
    monkeypatch.setitem(REPORT, "left", 2)
    assert CliRunner().invoke(app, ["crm", "reconcile"]).exit_code == 1
    monkeypatch.setitem(REPORT, "missing", 0)
    monkeypatch.setitem(REPORT, "left", 1)
    unexpected = CliRunner().invoke(app, ["crm", "reconcile"])
    assert unexpected.exit_code == 0
    assert "1 that no event asks for" in " ".join(unexpected.output.split())
    monkeypatch.setitem(REPORT, "left", 0)
    assert json.loads(CliRunner().invoke(app, ["crm", "reconcile", "--json"]).stdout) == REPORT


def test_a_business_system_that_is_none_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    assert main(["--vendor", "nobody"]) == 2
    assert "there is no business system 'nobody'" in json.loads(capsys.readouterr().out)["error"]["message"]
