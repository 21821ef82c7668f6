"""`voicemesh call`: a recording calls the mesh."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from voicemesh_cli import endpoints, output
from voicemesh_cli.caller import CallOptions, CallReport, load_recording, place_call
from voicemesh_cli.commands.conversation import ConversationView, finish

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog=output.example(
            "voicemesh call examples/recordings/clinic-booking.wav",
            "voicemesh call examples/recordings/shop-complaint.wav --domain shop --out var/call",
        )
    )
    def call(
        file: Annotated[Path, typer.Argument(help="A caller's recording: WAV or FLAC, any rate, mono or stereo.")],
        *,
        domain: Annotated[str, typer.Option(help="The domain to call, such as clinic or shop.")] = "clinic",
        language: Annotated[str, typer.Option(help="BCP 47 tag of the conversation's language.")] = "en-US",
        customer: Annotated[str, typer.Option(help="The business's own id of the caller.")] = "",
        phone: Annotated[str, typer.Option(help="The caller's number, such as +15550123456.")] = "",
        time_zone: Annotated[str, typer.Option(help="IANA zone that spoken dates are meant in.")] = "",
        target: Annotated[
            str | None,
            typer.Option(
                callback=output.checked_target, help="HOST:PORT of the dialogue service; else the running mesh's."
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                help="Folder for the call's audio: NAME-agent.wav, and NAME-call.wav with the caller left and the "
                "agent right. Without it the audio is not kept.",
                show_default=False,
            ),
        ] = None,
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
            if out is not None:
                output.make_folder(out, "--out")
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
            finish(output_of_run, report.document())


def _print_summary(console: Console, report: CallReport) -> None:
    answers = [turn.first_audio_s for turn in report.turns if turn.first_audio_s is not None]
    if answers:
        times = ", ".join(f"{answer * 1_000:.0f}" for answer in answers)
        console.print(f"\nend of speech to first audio of the answer: {times} ms")
    for path in report.files.values():
        console.print("wrote", str(path), markup=False)
    if not report.files:
        console.print("[dim]--out FOLDER keeps the call's audio[/]")
