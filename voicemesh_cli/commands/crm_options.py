"""Options that all commands of `voicemesh crm` have."""

from typing import Annotated

import typer

from voicemesh_cli import output

TargetOption = Annotated[
    str | None,
    typer.Option(
        callback=output.checked_target,
        help="HOST:PORT of a CRM gateway; else that of the running mesh.",
        show_default=False,
    ),
]
TenantOption = Annotated[
    str | None, typer.Option(help="The business that asks; else VOICEMESH_TENANT, else default.", show_default=False)
]
