"""`voicemesh asr`: what recordings say, word by word."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from rich.columns import Columns
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text
from voicemesh.asr.v1 import asr_service_pb2_grpc

from mesh.durations import seconds
from voicemesh_cli import output
from voicemesh_cli.caller import Recording, load_recording
from voicemesh_cli.recogniser import recogniser, transcribe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicemesh.asr.v1 import asr_pb2
    from voicemesh.common.v1.audio_pb2 import Word


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh asr examples/recordings/clinic-booking.wav --json"))
    def asr(
        files: Annotated[list[Path], typer.Argument(help="WAV or FLAC, any rate, mono or stereo.")],
        target: Annotated[
            str | None,
            typer.Option(
                callback=output.checked_target,
                help="HOST:PORT of a recogniser; else the running mesh's, else one is started.",
            ),
        ] = None,
        language: Annotated[str, typer.Option(help="BCP 47 tag of the language that is spoken.")] = "en-US",
        json: output.JsonOption = False,
    ) -> None:
        """Transcribe recordings: sentences, words, times and confidences."""
        with output.command(json) as out:
            recordings = [load_recording(path) for path in files]
            asyncio.run(_run(out, recordings, target, language))


async def _run(out: output.Output, recordings: Sequence[Recording], target: str | None, language: str) -> None:
    documents = []
    async with recogniser(out.console, target) as address, grpc.aio.insecure_channel(address) as channel:
        stub = asr_service_pb2_grpc.AsrServiceStub(channel)
        for each in recordings:
            with out.console.status(f"listening to {each.path.name}"):
                transcripts = await transcribe(stub, each, language)
            _print_transcripts(out, each, transcripts)
            documents.append(_document(each, transcripts))
    out.document({"files": documents})


def _print_transcripts(out: output.Output, each: Recording, transcripts: Sequence[asr_pb2.Transcript]) -> None:
    out.console.print(f"[bold]{escape(str(each.path))}[/] [dim]{each.duration_s:.1f} s[/]")
    if not transcripts:
        out.console.print("  [dim](no speech)[/]")
    for transcript in transcripts:
        place = f"{seconds(transcript.start):7.2f} - {seconds(transcript.end):.2f} s"
        sure = f"  {transcript.confidence:.0%}" if transcript.HasField("confidence") else ""
        out.console.print(f"[dim]{place}[/]  [bold]{escape(transcript.text)}[/][dim]{sure}[/]")
        words = Columns([_word(word) for word in transcript.words], padding=(0, 2))
        out.console.print(Padding(words, (0, 0, 0, 18)), soft_wrap=False)


def _word(word: Word) -> Text:
    """A word with the second it begins at and how sure the recogniser is of it."""
    known = word.HasField("confidence")
    text = Text(word.text, style=_style(word.confidence) if known else "", no_wrap=True)
    text.append(f" {seconds(word.start):.2f}", style="dim")
    return text.append(f" {word.confidence:.0%}", style="dim") if known else text


def _style(confidence: float) -> str:
    """Words the recogniser is not sure of stand out."""
    if confidence < 0.5:
        return "red"
    return "yellow" if confidence < 0.8 else "green"


def _document(each: Recording, transcripts: Sequence[asr_pb2.Transcript]) -> dict[str, Any]:
    return {
        "file": str(each.path),
        "duration_s": round(each.duration_s, 3),
        "text": " ".join(transcript.text for transcript in transcripts),
        "transcripts": [
            {
                **_place(transcript),
                "language": transcript.language,
                "words": [_place(word) for word in transcript.words],
            }
            for transcript in transcripts
        ],
    }


def _place(said: Any) -> dict[str, Any]:
    """The text, place and confidence of a transcript or a word; the confidence is null where unknown."""
    return {
        "text": said.text,
        "start_s": round(seconds(said.start), 3),
        "end_s": round(seconds(said.end), 3),
        "confidence": round(said.confidence, 4) if said.HasField("confidence") else None,
    }
