"""Page tokens: where the page before ended."""

import base64
import binascii


def make_token(sequence: int) -> str:
    """Return the token of what follows a row."""
    return base64.urlsafe_b64encode(f"v1:{sequence}".encode()).decode()


def read_token(token: str) -> int:
    """Return the row a token names.

    Raises:
        ValueError: it was not handed out.
    """
    try:
        version, _, number = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        version, number = "", ""
    # At most what a signed 64-bit column can be compared with.
    if version != "v1" or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise ValueError("not a token that was handed out")
    return int(number)
