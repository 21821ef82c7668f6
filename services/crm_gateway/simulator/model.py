"""What the simulated business system holds, and how it misbehaves. Pure."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fault = Literal["busy", "broken", "hangs", "drops_request", "drops_answer", "late"]

Kind = Literal["contacts", "tickets", "deals"]
KINDS: tuple[Kind, ...] = ("contacts", "tickets", "deals")


class Faults(BaseModel):
    """How often it misbehaves: shares of the requests that carry a token, 0 to 1, together at most 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    busy: float = Field(0.0, ge=0, le=1, description="answers 429 with Retry-After")
    broken: float = Field(0.0, ge=0, le=1, description="answers 500")
    hangs: float = Field(0.0, ge=0, le=1, description="does nothing, and answers after `hang_s` with 504")
    drops_request: float = Field(0.0, ge=0, le=1, description="closes the connection, nothing was done")
    drops_answer: float = Field(0.0, ge=0, le=1, description="does it, and closes the connection without an answer")
    late: float = Field(0.0, ge=0, le=1, description="does it after `late_s`, and closes the connection")
    hang_s: float = Field(30.0, ge=0, le=600)
    late_s: float = Field(10.0, ge=0, le=600)
    slow_s: float = Field(0.0, ge=0, le=60, description="time each request takes")
    retry_after_s: float = Field(0.1, ge=0, le=600)
    token_s: float = Field(3600.0, gt=0, description="life of a token")
    webhook_lost: float = Field(0.0, ge=0, le=1, description="share of the changes no webhook is sent of")
    webhook_twice: float = Field(0.0, ge=0, le=1, description="share of the webhooks that are sent once more")
    webhook_late: float = Field(0.0, ge=0, le=1, description="share of the webhooks sent after the one behind them")
    seed: int = 20


@dataclass
class System:
    """Contacts, tickets, deals and tokens, in memory.

    Args:
        now: monotonic seconds.
        changed: told of each change, with the item as it is now.
        idempotent: whether a new item is made once for each key that comes with it; else as often as it is sent.
    """

    faults: Faults = field(default_factory=Faults)
    now: Callable[[], float] = time.monotonic
    contacts: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    deals: list[dict[str, Any]] = field(default_factory=list)
    changed: Callable[[Kind, dict[str, Any]], None] = lambda _kind, _item: None
    idempotent: bool = False
    requests: Counter[str] = field(default_factory=Counter)
    _tokens: dict[str, float] = field(default_factory=dict)
    _index: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    _by_id: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _log: list[tuple[Kind, str, int]] = field(default_factory=list)
    _made: dict[tuple[Kind, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin a series of faults that is the same for each seed."""
        self.misbehave(self.faults)

    def misbehave(self, faults: Faults) -> None:
        """Change how it misbehaves."""
        self.faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - faults, not secrets

    def fault(self) -> Fault | None:
        """Choose the next request's fault."""
        point, faults = self._random.random(), self.faults
        names: tuple[Fault, ...] = ("busy", "broken", "hangs", "drops_request", "drops_answer", "late")
        for name in names:
            point -= float(getattr(faults, name))
            if point < 0:
                return name
        return None

    def new_token(self) -> str:
        """Give a token out."""
        self._tokens = {token: end for token, end in self._tokens.items() if end > self.now()}
        token = f"token-{self._random.getrandbits(64):016x}"
        self._tokens[token] = self.now() + self.faults.token_s
        return token

    def knows(self, token: str) -> bool:
        """Return whether a token counts."""
        return self._tokens.get(token, 0.0) > self.now()

    def chance(self, share: float) -> bool:
        """Say yes so often."""
        return self._random.random() < share

    def add(self, kind: Kind, item: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Take an item, be it there or not; where keys count, what the same key came with before is returned."""
        if self.idempotent and key:
            made = self._made.get((kind, key))
            if made is None or made["deleted"]:
                made = self._made[kind, key] = self._add(kind, item)
            return made
        return self._add(kind, item)

    def _add(self, kind: Kind, item: dict[str, Any]) -> dict[str, Any]:
        items: list[dict[str, Any]] = getattr(self, kind)
        identifier = f"{kind[0].upper()}{len(items) + 1:06d}"
        new = {**item, "id": identifier, "created_at": datetime.now(UTC).isoformat(), "deleted": False}
        items.append(new)
        self._index.setdefault((kind, str(item["external_id"])), []).append(new)
        self._by_id[kind, identifier] = new
        self._note(kind, new)
        return new

    def get(self, kind: Kind, identifier: str) -> dict[str, Any] | None:
        """Return an item by its id here."""
        return self._by_id.get((kind, identifier))

    def edit(self, kind: Kind, identifier: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """Change some of an item's values; None: it is not there."""
        item = self.get(kind, identifier)
        if item is not None:
            item.update(values)
            self._note(kind, item)
        return item

    def find(self, kind: Kind, external_id: str) -> list[dict[str, Any]]:
        """Return the items of somebody else's id, the oldest first."""
        return self._index.get((kind, external_id), [])

    def changes(self, cursor: int, size: int) -> tuple[list[dict[str, Any]], int]:
        """Return what changed behind a cursor, each item once and as it is now, and the cursor behind that.

        Raises:
            ValueError: a cursor that was not handed out.
        """
        if not 0 <= cursor <= len(self._log):
            raise ValueError(f"there is no cursor {cursor}")
        found: list[dict[str, Any]] = []
        while cursor < len(self._log) and len(found) < size:
            kind, identifier, revision = self._log[cursor]
            item = self._by_id[kind, identifier]
            if item["revision"] == revision:
                found.append(change(kind, item))
            cursor += 1
        return found, cursor

    def _note(self, kind: Kind, item: dict[str, Any]) -> None:
        item["revision"] = len(self._log) + 1
        item["updated_at"] = datetime.now(UTC).isoformat()
        self._log.append((kind, str(item["id"]), item["revision"]))
        self.changed(kind, item)

    def counts(self) -> dict[str, Any]:
        """Say what is there, and how much of it more than once."""
        found: dict[str, Any] = {"requests": dict(self.requests)}
        for kind in KINDS:
            keys = Counter(str(item["external_id"]) for item in getattr(self, kind))
            found[kind] = keys.total()
            found[f"{kind}_twice"] = sorted(key for key, count in keys.items() if count > 1)
        return found


def change(kind: Kind, item: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a changed item, by webhook and by `/changes`."""
    return {"type": kind.removesuffix("s"), "data": dict(item)}
