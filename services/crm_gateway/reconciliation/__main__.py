"""`python -m services.crm_gateway.reconciliation`: what `voicemesh crm reconcile` runs; prints one JSON document.

It has the settings of the sync process whose business system is compared, and runs beside it. What is left to be done
is in the document; the exit code says only whether it could be compared: 2 where what was given cannot be used, else 1.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError

from mesh import logs
from mesh.bus import BusUnavailableError
from mesh.config import ConfigError, load
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.model import BusyError, RejectedError
from services.crm_gateway.reconciliation.app import Order, reconcile
from services.crm_gateway.reconciliation.model import Finding, Report
from services.crm_gateway.vendors.http import HttpError

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_AWAY = (
    aiohttp.ClientError,
    BusUnavailableError,
    BusyError,
    HttpError,
    NatsError,
    OSError,
    RejectedError,
    SQLAlchemyError,
    TimeoutError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare once, print the report."""
    given = _parser().parse_args(arguments)
    try:
        settings = load(CrmSyncSettings)
        if given.vendor:
            settings = settings.model_copy(update={"crm_vendor": given.vendor})
        logs.configure("crm-reconciliation", "WARNING", settings.log_format)
        order = Order(given.tenant, moment(given.since, datetime.now(UTC)), given.repair)
        report = asyncio.run(reconcile(settings, order, _progress))
    except ConfigError as error:
        return _failed(str(error), 2)
    except _AWAY as error:
        return _failed(f"it cannot be compared now: {type(error).__name__}: {error}", 1)
    _say(document(report))
    return 0


def moment(text: str, now: datetime) -> datetime:
    """Read a moment: a time of ISO 8601, UTC where it says no zone, or how long ago: 30m, 24h, 7d.

    Raises:
        ConfigError: it is neither, or lies ahead.
    """
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"--since {text!r}: give a time such as 2026-05-01T08:00, or 30m, 24h or 7d") from None
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    if read > now:
        raise ConfigError(f"--since {text!r} lies ahead")
    return read


def document(report: Report) -> dict[str, Any]:
    """Return a report as JSON shows it."""
    counts = {finding.value: report.counts[finding] for finding in Finding}
    return {
        "vendor": report.vendor,
        "tenant_id": report.tenant_id,
        "since": report.since.isoformat(),
        "matched": report.matched,
        "waiting": report.waiting,
        "held_back": report.held_back,
        **counts,
        "repaired": report.repaired,
        "left": report.left,
        "differences": [asdict(difference) for difference in report.differences],
    }


def _progress(report: Report) -> None:
    found = report.counts.total()
    sys.stderr.write(f"{report.vendor}: {report.matched + report.waiting + found} compared, {found} differ\n")


def _failed(text: str, code: int) -> int:
    _say({"error": {"message": text}})
    return code


def _say(said: dict[str, Any]) -> None:
    json.dump(said, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.crm_gateway.reconciliation", description=__doc__)
    parser.add_argument("--vendor", default="", help="the business system; else VOICEMESH_CRM_VENDOR")
    parser.add_argument("--tenant", default="default", help="whose records")
    parser.add_argument("--since", default="24h", help="a time, or how long ago: 30m, 24h, 7d")
    parser.add_argument("--repair", action="store_true", help="queue again what is missing or different")
    return parser


if __name__ == "__main__":
    sys.exit(main())
