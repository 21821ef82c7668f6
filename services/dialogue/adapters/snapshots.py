"""Sessions' snapshots in a key-value bucket of JetStream, where any instance finds them."""

import asyncio
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KeyValue

from mesh import logs
from mesh.backoff import backoff_s
from mesh.bus import Bus, BusUnavailableError, cancellable, connect
from services.dialogue.ports import SnapshotsAwayError, SupersededError

_log = logs.get_logger(__name__)
BUCKET = "VOICEMESH_SESSIONS"
_WITHIN_S = 2.0


@dataclass(frozen=True)
class Stored:
    """A snapshot and its revision: only who knows the last one may write the next."""

    document: bytes
    revision: int


class Snapshots:
    """Keeps one document a session. A bucket that is away costs resumption by others, nothing else.

    Args:
        nats_url: of the broker.
        keep_s: how long a document that nobody renews is kept.
    """

    def __init__(self, nats_url: str, keep_s: float) -> None:
        self._nats_url = nats_url
        self._keep_s = keep_s
        self._bucket: KeyValue | None = None

    async def run(self) -> None:
        """Hold the connection to the broker, for ever."""
        failures = 0
        while True:
            try:
                async with connect(self._nats_url, source="/voicemesh/dialogue/sessions") as bus:
                    self._bucket = await self._open(bus)
                    failures = 0
                    await asyncio.Event().wait()  # a lost connection is taken up again by the client itself
            except (BusUnavailableError, NatsError, TimeoutError, OSError) as error:
                failures += 1
                _log.warning("snapshots.no_bus", error=repr(error))
            finally:
                self._bucket = None
            await asyncio.sleep(backoff_s(failures, first_s=0.2, limit_s=5.0))

    async def _open(self, bus: Bus) -> KeyValue:
        try:
            return await cancellable(bus.jetstream.key_value(BUCKET))
        except NotFoundError:
            config = KeyValueConfig(
                bucket=BUCKET, history=1, ttl=self._keep_s, storage=StorageType.FILE, replicas=bus.replicas
            )
            return await cancellable(bus.jetstream.create_key_value(config))

    async def save(self, session_id: str, document: bytes, revision: int | None) -> int:
        """Write a session's next document; return its revision.

        Args:
            session_id: the session's.
            document: where it stands.
            revision: of the document before; None: there is none.

        Raises:
            SupersededError: another instance has written since.
            SnapshotsAwayError: the bucket does not answer.
        """
        bucket = self._there()
        try:
            async with asyncio.timeout(_WITHIN_S):
                if revision is None:
                    return await cancellable(bucket.create(session_id, document))
                return await cancellable(bucket.update(session_id, document, last=revision))
        except KeyWrongLastSequenceError as error:
            raise SupersededError(session_id) from error
        except (NatsError, TimeoutError, OSError) as error:
            raise SnapshotsAwayError(repr(error)) from error

    async def load(self, session_id: str) -> Stored | None:
        """Return a session's document; None when there is none.

        Raises:
            SnapshotsAwayError: the bucket does not answer.
        """
        bucket = self._there()
        try:
            async with asyncio.timeout(_WITHIN_S):
                entry = await cancellable(bucket.get(session_id))
        except KeyNotFoundError:
            return None
        except (NatsError, TimeoutError, OSError) as error:
            raise SnapshotsAwayError(repr(error)) from error
        return Stored(entry.value or b"", entry.revision or 0)

    async def forget(self, session_id: str, revision: int) -> None:
        """Delete a session's document, if it is still this one.

        Raises:
            SupersededError: another instance has written since.
            SnapshotsAwayError: the bucket does not answer; the document goes when its time is over.
        """
        bucket = self._there()
        try:
            async with asyncio.timeout(_WITHIN_S):
                await cancellable(bucket.delete(session_id, last=revision))
        except KeyWrongLastSequenceError as error:
            raise SupersededError(session_id) from error
        except (NatsError, TimeoutError, OSError) as error:
            raise SnapshotsAwayError(repr(error)) from error

    def _there(self) -> KeyValue:
        if self._bucket is None:
            raise SnapshotsAwayError("there is no connection to the broker")
        return self._bucket
