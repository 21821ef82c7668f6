"""Signed webhooks as Standard Webhooks says, sent and received.

https://github.com/standard-webhooks/standard-webhooks, specification 1.0.0: the headers `webhook-id` (the same each
time a message is sent, so that the receiver takes it once), `webhook-timestamp` (whole seconds since 1970) and
`webhook-signature` (one or more, apart by spaces, for keys that are being changed).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
TOLERANCE_S = 300.0
"""How far a message's time may be from ours, "Verifying webhook authenticity"."""
_ID_LIMIT = 256
_SHORTEST_KEY = 24
_MAKE_ONE = "make one with `openssl rand -base64 32`"
_SECRET_PREFIX = "whsec_"  # noqa: S105 - marks a secret, is none


class WebhookError(Exception):
    """A message that is not taken; the text says why. `status` is the HTTP status of the answer."""

    status = 400


class SignatureError(WebhookError):
    """None of the keys made any of its signatures."""

    status = 401


class TimestampError(WebhookError):
    """It is too old, or from the future: a message that was recorded and is played again."""

    status = 403


def key_of(secret: str) -> bytes:
    """Return the key a secret stands for: base64, with or without `whsec_`, of 24 bytes or more ("Signature scheme").

    Raises:
        ValueError: it is no base64 text, or its key is shorter than the specification has it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"it is no base64 text; {_MAKE_ONE}") from None
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"its key has {len(key)} bytes, at least {_SHORTEST_KEY} are needed; {_MAKE_ONE}")
    return key


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message, "Signature scheme", symmetric."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> str:
    """Check a message and return its id.

    Args:
        keys: any of which may have signed it.
        headers: by names in lower case, or found in any case.
        now_s: seconds since 1970.

    Raises:
        WebhookError: a header is missing or cannot be read. SignatureError, TimestampError: it is not taken.
    """
    message_id, timestamp, given = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    for name, value in ((ID, message_id), (TIMESTAMP, timestamp), (SIGNATURE, given)):
        if not value:
            raise WebhookError(f"the header {name} is missing; webhooks are signed as Standard Webhooks says")
    if len(message_id) > _ID_LIMIT:
        raise WebhookError(f"the header {ID} is longer than {_ID_LIMIT} characters")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise WebhookError(f"the header {TIMESTAMP} is no number of seconds since 1970")
    # All are compared, in constant time: how long it takes says nothing of a key.
    wanted = [sign(key, message_id, timestamp, body).encode() for key in keys]
    matches = [hmac.compare_digest(each.encode(), one) for each in given.split(" ") for one in wanted]
    if not any(matches):
        raise SignatureError("no signature fits; check that both sides have the same key")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise TimestampError(
            f"it was signed more than {TOLERANCE_S:.0f} s from now; check both clocks, and send it anew"
        )
    return message_id
