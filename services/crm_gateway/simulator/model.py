"""What the simulated business system holds, and how it misbehaves. Pure."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fault = Literal["busy", "broken", "hangs", "drops_request", "drops_answer"]


class Faults(BaseModel):
    """How often it misbehaves: shares of the requests that carry a token, 0 to 1, together at most 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    busy: float = Field(0.0, ge=0, le=1, description="answers 429 with Retry-After")
    broken: float = Field(0.0, ge=0, le=1, description="answers 500")
    hangs: float = Field(0.0, ge=0, le=1, description="does nothing, and answers after `hang_s` with 504")
    drops_request: float = Field(0.0, ge=0, le=1, description="closes the connection, nothing was done")
    drops_answer: float = Field(0.0, ge=0, le=1, description="does it, and closes the connection without an answer")
    hang_s: float = Field(30.0, ge=0, le=600)
    slow_s: float = Field(0.0, ge=0, le=60, description="time each request takes")
    retry_after_s: float = Field(0.1, ge=0, le=600)
    token_s: float = Field(3600.0, gt=0, description="life of a token")
    seed: int = 20


@dataclass
class System:
    """Contacts, tickets and tokens, in memory.

    Args:
        now: monotonic seconds.
    """

    faults: Faults = field(default_factory=Faults)
    now: Callable[[], float] = time.monotonic
    contacts: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    _tokens: dict[str, float] = field(default_factory=dict)
    _index: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

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
        names: tuple[Fault, ...] = ("busy", "broken", "hangs", "drops_request", "drops_answer")
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

    def add(self, kind: Literal["contacts", "tickets"], item: dict[str, Any]) -> dict[str, Any]:
        """Take an item, be it there or not."""
        items: list[dict[str, Any]] = getattr(self, kind)
        new = {**item, "id": f"{kind[0].upper()}{len(items) + 1:06d}", "created_at": datetime.now(UTC).isoformat()}
        items.append(new)
        self._index.setdefault((kind, str(item["external_id"])), []).append(new)
        return new

    def find(self, kind: Literal["contacts", "tickets"], external_id: str) -> list[dict[str, Any]]:
        """Return the items of somebody else's id, the oldest first."""
        return self._index.get((kind, external_id), [])

    def counts(self) -> dict[str, Any]:
        """Say what is there, and how much of it more than once."""
        found: dict[str, Any] = {"requests": dict(self.requests)}
        for kind in ("contacts", "tickets"):
            keys = Counter(str(item["external_id"]) for item in getattr(self, kind))
            found[kind] = keys.total()
            found[f"{kind}_twice"] = sorted(key for key, count in keys.items() if count > 1)
        return found
