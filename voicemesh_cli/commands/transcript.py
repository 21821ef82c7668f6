"""`voicemesh transcript`: transcripts cut anew, cleaned, checked and written as JSON, SRT, WebVTT or text."""

from __future__ import annotations

import asyncio
import dataclasses
import json as json_codec
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from rich.console import Console
from rich.text import Text
from voicemesh.asr.v1 import asr_service_pb2_grpc

from mesh import transcripts
from mesh.durations import seconds
from mesh.transcripts import Cut, Format, Segment, Transcript, Word
from mesh.transcripts.reading import AGENT, CALLER, segment_from
from voicemesh_cli import output
from voicemesh_cli.caller import Recording, load_channels
from voicemesh_cli.recogniser import recogniser, transcribe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicemesh.asr.v1 import asr_pb2

_SUBTITLE_FORMATS = frozenset({Format.SRT, Format.VTT})


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog=output.example(
            "voicemesh transcript examples/recordings/clinic-booking.wav --format srt",
            "voicemesh transcript call.json --clean --segments paragraphs",
            "voicemesh transcript call.json --check",
        )
    )
    def transcript(
        files: Annotated[
            list[Path],
            typer.Argument(
                help="Recordings (WAV or FLAC; of two channels the first is the caller, the second the agent), or the "
                "JSON of `voicemesh asr`, `voicemesh call` or this command."
            ),
        ],
        *,
        segments: Annotated[
            Cut | None,
            typer.Option(help="How to divide it; without it subtitles for srt and vtt, else as it was heard."),
        ] = None,
        clean: Annotated[
            bool, typer.Option("--clean", help="Take out fillers, stutters and repeats; mend capitals and ends.")
        ] = False,
        check: Annotated[
            bool, typer.Option("--check", help="Print what is wrong, where and what to do; exit code 1 if anything is.")
        ] = False,
        form: Annotated[Format | None, typer.Option("--format", help="What is written; text without it.")] = None,
        out: Annotated[
            Path | None, typer.Option(help="The file to write, or a folder for several; else it is printed.")
        ] = None,
        target: Annotated[
            str | None,
            typer.Option(
                callback=output.checked_target,
                help="HOST:PORT of a recogniser; else the running mesh's, else one is started.",
            ),
        ] = None,
        language: Annotated[
            str, typer.Option(help="BCP 47 tag of what is spoken, where a JSON file does not say it.")
        ] = "en-US",
        json: output.JsonOption = False,
    ) -> None:
        """Turn recordings or their JSON into readable transcripts: divided, cleaned, checked, exported."""
        wanted = _Wanted(segments=segments, clean=clean, check=check, form=form, out=out)
        with output.command(json) as printed:
            found = asyncio.run(_read(files, target, language))
            results = [wanted.make(each) for each in found]
            wanted.deliver(printed, results)
            if any(result.findings for result in results):
                raise typer.Exit(1)


@dataclass(frozen=True)
class _Result:
    """A transcript as it is to be written, and what is known of it."""

    transcript: Transcript
    changes: tuple[transcripts.Change, ...]
    findings: tuple[transcripts.Finding, ...]


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What the user asked for."""

    segments: Cut | None
    clean: bool
    check: bool
    form: Format | None
    out: Path | None

    def make(self, found: Transcript) -> _Result:
        """Cleans, cuts and checks, in this order: a word that goes leaves room in its line."""
        changes: tuple[transcripts.Change, ...] = ()
        if self.clean:
            found, changes = transcripts.clean(found)
        how = self.segments or (Cut.SUBTITLES if self.form in _SUBTITLE_FORMATS else Cut.UTTERANCES)
        found = transcripts.cut(found, how)
        return _Result(found, changes, transcripts.check(found) if self.check else ())

    def deliver(self, printed: output.Output, results: Sequence[_Result]) -> None:
        """Writes the files, prints findings, and prints the transcripts where nothing else was asked for."""
        written = self._write(results)
        printed.document(
            {"files": [self._document(result, path) for result, path in zip(results, written, strict=True)]}
        )
        if self.check:
            for result in results:
                _print_findings(printed.console, result)
        if self.out is not None:
            for path in written:
                printed.console.print("wrote", str(path), markup=False)
        elif not self.check and not printed.json_mode:
            typer.echo(self._together(results), nl=False)

    def _write(self, results: Sequence[_Result]) -> list[Path | None]:
        """The files, one a transcript; none without --out."""
        if self.out is None:
            return [None] * len(results)
        form = self.form or Format.TEXT
        paths = [self.out]
        if len(results) > 1 or self.out.is_dir():
            output.make_folder(self.out, "--out")
            paths = [self.out / f"{Path(result.transcript.source).stem}{form.suffix}" for result in results]
        if len(set(paths)) < len(paths):
            raise output.InputError("two of the files have the same name: give them one at a time.")
        for path, result in zip(paths, results, strict=True):
            try:
                path.write_text(transcripts.render(result.transcript, form), encoding="utf-8")
            except OSError as error:
                raise output.InputError(f"--out {path} can not be written ({error.strerror}).") from error
        return list(paths)

    def _together(self, results: Sequence[_Result]) -> str:
        """The transcripts as they are printed.

        Raises InputError for several transcripts in a format that has no place for more than one.
        """
        form = self.form or Format.TEXT
        if len(results) == 1:
            return transcripts.render(results[0].transcript, form)
        if form in _SUBTITLE_FORMATS:
            raise output.InputError(f"{len(results)} transcripts do not go into one {form}: give --out FOLDER.")
        if form is Format.JSON:
            documents = [transcripts.to_document(result.transcript) for result in results]
            return json_codec.dumps({"files": documents}, ensure_ascii=False, indent=2) + "\n"
        texts = (f"{result.transcript.source}\n{transcripts.render(result.transcript, form)}" for result in results)
        return "\n".join(texts)

    def _document(self, result: _Result, path: Path | None) -> dict[str, Any]:
        document = transcripts.to_document(result.transcript)
        if self.clean:
            document["changes"] = [dataclasses.asdict(change) for change in result.changes]
        if self.check:
            document["findings"] = [dataclasses.asdict(finding) for finding in result.findings]
        if path is not None:
            document["written"] = str(path)
        return document


def _print_findings(console: Console, result: _Result) -> None:
    source = result.transcript.source
    for finding in result.findings:
        place = f"segment {finding.segment}" + (f", word {finding.word}" if finding.word else "")
        head = Text(f"{source}: {finding.start_s:.2f} s, {place}: ", style="dim")
        console.print(Text.assemble(head, (finding.check, "yellow"), f": {finding.message}; {finding.remedy}"))
    if not result.findings:
        console.print(Text.assemble((f"{source}: ", "dim"), ("nothing is wrong", "green")))


async def _read(files: Sequence[Path], target: str | None, language: str) -> list[Transcript]:
    """The transcripts of all files in their order; a recogniser is only started when there are recordings."""
    inputs = [_from_json(path, language) if _is_json(path) else load_channels(path) for path in files]
    if all(isinstance(each, list) for each in inputs):
        return [transcript for each in inputs for transcript in each if isinstance(transcript, Transcript)]
    # Progress must not mix with what is printed for a file.
    console = Console(stderr=True, highlight=False)
    found: list[Transcript] = []
    async with recogniser(console, target) as address, grpc.aio.insecure_channel(address) as channel:
        stub = asr_service_pb2_grpc.AsrServiceStub(channel)
        for each in inputs:
            if isinstance(each, list):
                found += each
                continue
            with console.status(f"listening to {each[0].path.name}"):
                found.append(await _listen(stub, each, language))
    return found


async def _listen(
    stub: asr_service_pb2_grpc.AsrServiceAsyncStub, channels: Sequence[Recording], language: str
) -> Transcript:
    """The transcript of a recording; of several channels each is somebody's."""
    segments: list[Segment] = []
    for number, channel in enumerate(channels):
        speaker = "" if len(channels) == 1 else _speaker(number)
        segments += [_segment(heard, speaker) for heard in await transcribe(stub, channel, language)]
    return Transcript(
        source=str(channels[0].path),
        segments=tuple(sorted(segments, key=lambda segment: segment.start_s)),
        language=language,
        duration_s=channels[0].duration_s,
    )


def _speaker(channel: int) -> str:
    """Who is on a channel: recordings of calls have the caller left and the agent right."""
    return (CALLER, AGENT)[channel] if channel < 2 else f"speaker {channel + 1}"


def _segment(heard: asr_pb2.Transcript, speaker: str) -> Segment:
    words = [
        Word(
            text=word.text,
            start_s=seconds(word.start),
            end_s=seconds(word.end),
            confidence=round(word.confidence, 4) if word.HasField("confidence") else None,
        )
        for word in heard.words
    ]
    return segment_from(heard.text, words, start_s=seconds(heard.start), end_s=seconds(heard.end), speaker=speaker)


def _is_json(path: Path) -> bool:
    """Whether a file's first sign opens a JSON document; what can not be read is left to the reader of recordings."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def _from_json(path: Path, language: str) -> list[Transcript]:
    try:
        document = json_codec.loads(path.read_text(encoding="utf-8-sig"))
        found = transcripts.read_documents(document, str(path))
    except json_codec.JSONDecodeError as error:
        raise output.InputError(f"{path}, line {error.lineno}: no JSON ({error.msg}).") from None
    except RecursionError:
        raise output.InputError(f"{path} is nested too deep to be a transcript.") from None
    except UnicodeDecodeError:
        raise output.InputError(f"{path} is not written in UTF-8: save it so.") from None
    except transcripts.UnreadableTranscriptError as error:
        raise output.InputError(f"{path} is no transcript: {error}.") from None
    return [dataclasses.replace(each, language=each.language or language) for each in found]
