"""`voicemesh call`: a recording calls the mesh."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicemesh_cli import endpoints, output
from voicemesh_cli.caller import CallOptions, CallReport, load_recording, place_call
from voicemesh_cli.commands.conversation import ConversationView

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh call examples/recordings/clinic-booking.wav --out /tmp/call"))
    def call(
        file: Annotated[Path, typer.Argument(help="A caller's recording: WAV or FLAC, any rate, mono or stereo.")],
        *,
        domain: Annotated[str, typer.Option(help="The domain to call: clinic or shop.")] = "clinic",
        language: Annotated[str, typer.Option(help="BCP 47 tag of the conversation's language.")] = "en-US",
        customer: Annotated[str, typer.Option(help="The business's own id of the caller.")] = "",
        phone: Annotated[str, typer.Option(help="The caller's number, such as +15550123456.")] = "",
        time_zone: Annotated[str, typer.Option(help="IANA zone that spoken dates are meant in.")] = "",
        target: Annotated[
            str | None, typer.Option(help="HOST:PORT of the dialogue service; else the running mesh's.")
        ] = None,
        out: Annotated[
            Path, typer.Option(help="Where NAME-agent.wav and NAME-call.wav are written (replacing older ones).")
        ] = Path(),
        straight: Annotated[
            bool, typer.Option("--straight", help="Play the file as it is, without waiting for the agent.")
        ] = False,
        json: output.JsonOption = False,
    ) -> None:
        """Play a recording to the mesh as a caller would: each turn when the agent has finished speaking.

        Beside FILE.wav may stand FILE.turns.json, which says where its turns are; without it, pauses divide them.
        """
        with output.command(json) as output_of_run:
            recording = load_recording(file)
            _make_directory(out)
            address = endpoints.resolve_target(target)
            context = endpoints.context(language=language, time_zone=time_zone)
            options = CallOptions(
                domain=domain,
                language=language,
                region=context.region,
                tenant_id=context.tenant_id,
                correlation_id=context.correlation_id,
                customer_id=customer,
                phone=phone or None,
                time_zone=time_zone,
                straight=straight,
            )
            with ConversationView(output_of_run.console) as view:
                report = asyncio.run(place_call(recording, address, options, out=out, observer=view.show))
            _print_summary(output_of_run.console, report)
            output_of_run.document(report.document())


def _make_directory(path: Path) -> None:
    """Makes the directory of the results before anybody calls. Raises InputError when it can not be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output.InputError(f"--out {path} can not be made a directory ({error.strerror}).") from error
    if not os.access(path, os.W_OK):
        raise output.InputError(f"--out {path} can not be written to: name another directory.")


def _print_summary(console: Console, report: CallReport) -> None:
    answers = [turn.first_audio_s for turn in report.turns if turn.first_audio_s is not None]
    if answers:
        times = ", ".join(f"{answer * 1_000:.0f}" for answer in answers)
        console.print(f"\nend of speech to first audio of the answer: {times} ms")
    for path in report.files.values():
        console.print("wrote", str(path), markup=False)
