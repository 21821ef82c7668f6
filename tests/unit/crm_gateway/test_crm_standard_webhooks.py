"""Signed webhooks: whose are taken."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.crm_gateway.standard_webhooks import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    SignatureError,
    TimestampError,
    WebhookError,
    key_of,
    sign,
    verify,
)

NOW = 1_700_000_000
KEY, OLD = b"k" * 24, b"o" * 24


def headers(body: bytes, key: bytes = KEY, at: int = NOW, webhook_id: str = "msg_1") -> dict[str, str]:
    return {ID: webhook_id, TIMESTAMP: str(at), SIGNATURE: sign(key, webhook_id, str(at), body)}


def test_a_signature_is_that_of_the_specifications_example() -> None:
    # Standard Webhooks 1.0.0, the example that its reference libraries are tested with.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=200), st.integers(-300, 300))
def test_what_was_signed_with_any_of_the_keys_within_five_minutes_is_taken(body: bytes, late: int) -> None:
    for key in (KEY, OLD):
        assert verify([KEY, OLD], headers(body, key, NOW + late), body, NOW) == "msg_1"


def test_one_of_several_signatures_is_enough() -> None:
    given = headers(b"{}")
    given[SIGNATURE] = f"v2,abc v1,AAAA {given[SIGNATURE]}"
    assert verify([KEY], given, b"{}", NOW) == "msg_1"


@given(st.binary(min_size=1, max_size=100), st.integers(0, 99))
def test_a_body_with_another_byte_is_not(body: bytes, place: int) -> None:
    changed = bytearray(body)
    changed[place % len(body)] ^= 1
    with pytest.raises(SignatureError):
        verify([KEY], headers(body), bytes(changed), NOW)


@pytest.mark.parametrize("name", [ID, TIMESTAMP])
def test_its_id_and_time_are_signed_too(name: str) -> None:
    given = headers(b"{}") | {name: "1699999999"}
    with pytest.raises(SignatureError):
        verify([KEY], given, b"{}", NOW)


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301])
def test_a_message_of_another_time_is_not(at: int) -> None:
    with pytest.raises(TimestampError):
        verify([KEY], headers(b"{}", at=at), b"{}", NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({ID: ""}, "webhook-id is missing"),
        ({TIMESTAMP: ""}, "webhook-timestamp is missing"),
        ({SIGNATURE: ""}, "webhook-signature is missing"),
        ({TIMESTAMP: "-1"}, "no number of seconds"),
        ({TIMESTAMP: "1" * 13}, "no number of seconds"),
        ({TIMESTAMP: "٣"}, "no number of seconds"),
        ({ID: "m" * 257}, "longer than 256"),
    ],
)
def test_what_cannot_be_read_says_why(change: dict[str, str], words: str) -> None:
    with pytest.raises(WebhookError, match=words) as caught:
        verify([KEY], headers(b"{}") | change, b"{}", NOW)
    assert caught.value.status == 400


def test_a_secret_that_is_none_says_what_to_do() -> None:
    assert key_of(base64.b64encode(KEY).decode()) == KEY
    with pytest.raises(ValueError, match="openssl rand"):
        key_of("whsec_!")


@pytest.mark.parametrize("secret", ["", "whsec_", base64.b64encode(b"k" * 23).decode()])
def test_a_key_that_could_be_guessed_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match=r"at least 24 are needed; .*openssl rand"):
        key_of(secret)
