"""Amounts of money as values."""

from decimal import Decimal

SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}


def amount(value: Decimal, currency: str) -> str:
    """Return an amount as a decimal with two places and an ISO 4217 code: "49.90 USD"."""
    return f"{value:.2f} {currency}"
