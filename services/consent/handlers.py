"""The consent service's use cases."""

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter

from mesh import telemetry
from mesh.errors import ErrorReason, MeshError
from services.consent import events, metrics
from services.consent.hub import Hub
from services.consent.model import (
    Channel,
    Check,
    ConsentRecord,
    Decision,
    Evidence,
    Purpose,
    Scope,
    State,
    Subject,
    Suppression,
    aliases,
    decide,
)
from services.consent.store import ConflictError, Page, Store, Written

Clock = Callable[[], datetime]
Watch = Callable[[frozenset[str]], None]
"""Called with the names a decision will rest on, before they are looked up."""

_DEFAULT_PAGE = 50
_DIGITS = 18
_tracer = telemetry.tracer(__name__)


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class Consent:
    """Decides, and writes down what customers say.

    Args:
        store: where it is written.
        hub: told of every write, so that monitor streams of this process hear of it at once.
        freshness: how long a decision may be relied on.
        clock: tells aware times.
    """

    def __init__(self, store: Store, hub: Hub, freshness: timedelta, clock: Clock = utc_now) -> None:
        self._store = store
        self._hub = hub
        self._freshness = freshness
        self._clock = clock

    async def check(self, scope: Scope, check: Check, watch: Watch | None = None) -> Decision:
        """Decide a check.

        `watch` hears of every name before it is looked up: whoever watches can miss no change between the
        look-up and the decision.

        Raises:
            MeshError: DEPENDENCY_UNAVAILABLE when the database doesn't answer.
        """
        started = perf_counter()
        with _tracer.start_as_current_span(
            "consent.decide",
            attributes={"consent.channel": check.channel.value, "consent.purpose": check.purpose.value},
        ) as span:
            decision = await self._decide(scope, check, watch)
            span.set_attribute("consent.outcome", decision.outcome.value)
            span.set_attribute("consent.reason", decision.reason.value)
        metrics.DECISIONS.labels(decision.outcome.value, decision.reason.value).inc()
        metrics.DECIDE_SECONDS.observe(perf_counter() - started)
        return decision

    async def _decide(self, scope: Scope, check: Check, watch: Watch | None) -> Decision:
        keys = check.subject.keys
        while True:
            if watch is not None:
                watch(keys)
            now = self._clock()
            facts = await self._store.facts(scope.tenant_id, keys, now)
            wider = keys | aliases(facts.records, check)
            if wider == keys:
                return decide(facts.records, facts.suppressions, check, now, freshness=self._freshness)
            # The customer is known by another name too: what concerns that one counts as well.
            keys = wider

    async def record(
        self,
        scope: Scope,
        *,
        subject: Subject,
        channel: Channel,
        purpose: Purpose,
        state: State,
        evidence: Evidence,
        expires_at: datetime | None,
        idempotency_key: str,
    ) -> ConsentRecord:
        """Write down what a customer said, once a key.

        Raises:
            MeshError: ALREADY_EXISTS when the key was used with other content.
        """
        record = ConsentRecord(
            record_id=str(uuid.uuid4()),
            sequence=0,
            scope=scope,
            subject=subject,
            channel=channel,
            purpose=purpose,
            state=state,
            evidence=evidence,
            recorded_at=self._clock(),
            expires_at=expires_at,
        )
        try:
            written = await self._store.add_record(record, idempotency_key, events.of_record(record))
        except ConflictError:
            raise _key_used("consent record", idempotency_key) from None
        self._tell(scope, subject, written, state.value)
        return written.entry

    async def suppress(
        self,
        scope: Scope,
        *,
        subject: Subject,
        channel: Channel | None,
        reason: str,
        expires_at: datetime | None,
        idempotency_key: str,
    ) -> Suppression:
        """Put a customer on the suppression list, once a key; no channel means by no channel.

        Raises:
            MeshError: ALREADY_EXISTS when the key was used with other content.
        """
        suppression = Suppression(
            suppression_id=str(uuid.uuid4()),
            sequence=0,
            scope=scope,
            subject=subject,
            channel=channel,
            reason=reason,
            recorded_at=self._clock(),
            expires_at=expires_at,
        )
        event = events.of_suppression(suppression)
        try:
            written = await self._store.add_suppression(suppression, idempotency_key, event)
        except ConflictError:
            raise _key_used("suppression", idempotency_key) from None
        self._tell(scope, subject, written, "suppressed")
        return written.entry

    async def unsuppress(self, scope: Scope, suppression_id: str, reason: str) -> None:
        """Take a suppression off the list; doing it twice is doing it once.

        Raises:
            MeshError: NOT_FOUND when the tenant has no such suppression.
        """
        if not await self._store.remove_suppression(scope, suppression_id, reason, self._clock()):
            raise MeshError(
                ErrorReason.ERROR_REASON_NOT_FOUND,
                f"there is no suppression {suppression_id}; list them to find the right id",
                metadata={"kind": "suppression", "name": suppression_id},
            )
        metrics.WRITES.labels("unsuppressed").inc()

    async def history(
        self, scope: Scope, subject: Subject, page_size: int, page_token: str
    ) -> tuple[Page[ConsentRecord], str]:
        """List a page of what was written down of a customer, and the token of the page behind.

        Raises:
            MeshError: INVALID_REQUEST when the token is none that was handed out.
        """
        before = _position(page_token)
        page = await self._store.history(scope.tenant_id, subject, page_size or _DEFAULT_PAGE, before)
        return page, _token(page.entries[-1].sequence) if page.more else ""

    async def suppressions(self, scope: Scope, page_size: int, page_token: str) -> tuple[Page[Suppression], str]:
        """List a page of the suppressions in force, and the token of the page behind.

        Raises:
            MeshError: INVALID_REQUEST when the token is none that was handed out.
        """
        before = _position(page_token)
        size = page_size or _DEFAULT_PAGE
        page = await self._store.suppressions(scope.tenant_id, self._clock(), size, before)
        return page, _token(page.entries[-1].sequence) if page.more else ""

    def _tell(
        self, scope: Scope, subject: Subject, written: Written[ConsentRecord] | Written[Suppression], kind: str
    ) -> None:
        if written.new:
            metrics.WRITES.labels(kind).inc()
            self._hub.tell(scope.tenant_id, subject.keys)


def _key_used(kind: str, idempotency_key: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_ALREADY_EXISTS,
        f"the idempotency key was used for another {kind}; use a new key for new content",
        metadata={"kind": kind, "name": idempotency_key},
    )


def _token(sequence: int) -> str:
    return base64.urlsafe_b64encode(f"before:{sequence}".encode()).decode()


def _position(page_token: str) -> int | None:
    if not page_token:
        return None
    try:
        kind, _, number = base64.b64decode(page_token, altchars=b"-_", validate=True).decode().partition(":")
    except ValueError:
        kind, number = "", ""
    # At most what a signed 64-bit column can be compared with.
    if kind == "before" and number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        return int(number)
    raise MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        "page_token is none that was handed out; pass next_page_token of the page before, or nothing",
        metadata={"field": "page_token", "rule": "pattern"},
    )
