"""`voicemesh models`: which models can be pulled, pulling them, and checking what was pulled."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from mesh.config import ConfigError
from mesh.models import FileState, Model, ModelError, ModelFile, ModelSettings, ModelStore, load_manifest
from voicemesh_cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mesh.models.download import Pulled

IdsArgument = Annotated[list[str], typer.Argument(help="Ids of models, as `voicemesh models list` shows them.")]
OptionalIds = Annotated[
    list[str] | None, typer.Argument(help="Ids of models; none: all that are on this machine.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(
        help="Models that are not bundled: list them, pull them, verify them.",
        epilog=output.example("voicemesh models list", "voicemesh models pull whisper/base.en"),
        no_args_is_help=True,
    )
    app.add_typer(models, name="models")

    @models.command("list", epilog=output.example("voicemesh models list", "voicemesh models list --json"))
    def list_(json: output.JsonOption = False) -> None:
        """Show which models there are, and which of them are on this machine."""
        with output.command(json) as out, _sentences():
            _list(out, _store(ModelSettings()))

    @models.command(
        epilog=output.example(
            "voicemesh models pull piper/en_US-lessac-medium", "voicemesh models pull whisper/base.en"
        )
    )
    def pull(
        models: IdsArgument,
        again: Annotated[bool, typer.Option("--again", help="Fetch also what is there and right.")] = False,
        json: output.JsonOption = False,
    ) -> None:
        """Fetch models: resumes where it stopped, and checks every file.

        VOICEMESH_MODELS_URL fetches from a mirror, VOICEMESH_MODELS_MANIFEST adds models of your own.
        """
        with output.command(json) as out, _sentences():
            settings = ModelSettings()
            store = _store(settings)
            _pull(out, store, _chosen(store, models), settings.models_url, again)

    @models.command(epilog=output.example("voicemesh models verify", "voicemesh models verify whisper/base.en --json"))
    def verify(models: OptionalIds = None, json: output.JsonOption = False) -> None:
        """Compare what is on this machine with the sums it should have. Exits with 1 where something differs."""
        with output.command(json) as out, _sentences():
            store = _store(ModelSettings())
            _verify(out, store, _chosen(store, models) if models else _present(store))


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """What explains itself is shown as a sentence, not as a fault of the program."""
    try:
        yield
    except ConfigError as error:
        raise output.InputError(str(error)) from error
    except ModelError as error:
        raise output.CliError(str(error)) from error


def _store(settings: ModelSettings) -> ModelStore:
    return ModelStore(settings.cache_dir, load_manifest(settings.models_manifest))


def _chosen(store: ModelStore, ids: Sequence[str]) -> list[Model]:
    chosen = []
    for model_id in ids:
        model = store.manifest.get(model_id)
        if model is None:
            known = ", ".join(model.id for model in store.manifest.model)
            raise output.InputError(f"no model is called {model_id!r}; there are {known}")
        chosen.append(model)
    return chosen


def _present(store: ModelStore) -> list[Model]:
    return [
        model for model in store.manifest.model if any(store.file_path(model, file).exists() for file in model.file)
    ]


def _list(out: output.Output, store: ModelStore) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    for heading in ("size", "here", "sums"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it is, and its licence")
    for model in store.manifest.model:
        here = "[green]yes[/]" if not store.lacking(model) else "no"
        sums = "known" if model.pinned else "[yellow]first pull[/]"
        size = decimal(model.size) if model.size else "?"
        table.add_row(model.id, size, here, sums, f"{escape(model.title)}. [dim]{escape(model.licence)}[/]")
    out.console.print(table, soft_wrap=False)
    out.console.print(f"[dim]They lie in {escape(str(store.cache_dir))}. Fetch one: voicemesh models pull ID[/]")
    out.document({
        "cache_dir": str(store.cache_dir),
        "models": [_model_document(store, model) for model in store.manifest.model],
    })  # fmt: skip


def _model_document(store: ModelStore, model: Model) -> dict[str, Any]:
    lacking = store.lacking(model)
    return {
        "id": model.id,
        "title": model.title,
        "licence": model.licence,
        "source": str(model.source),
        "size": model.size or None,
        "present": not lacking,
        "path": str(store.path(model.id)) if not lacking else None,
        "files": [{"name": file.name, "size": file.size or None, "sha256": file.sha256 or None} for file in model.file],
    }


def _pull(out: output.Output, store: ModelStore, chosen: Sequence[Model], mirror: str, again: bool) -> None:
    # Imported here: httpx takes a while, and only this command needs it.
    from mesh.models.download import Puller  # noqa: PLC0415

    documents = []
    for model in chosen:
        out.console.print(f"[bold]{model.id}[/] {escape(model.title)}. [dim]Licence: {escape(model.licence)}[/]")
        with _bars(out) as bars:
            puller = Puller(store, mirror=mirror, progress=bars)
            files = list(puller.pull(model, again=again))
        for pulled in files:
            out.console.print(f"  {_what_became(pulled)}")
        path = store.path(model.id)
        out.console.print(f"  [green]ready[/]: {escape(str(path))}")
        documents.append({"id": model.id, "path": str(path), "files": [_pulled_document(each) for each in files]})
    out.document({"cache_dir": str(store.cache_dir), "models": documents})


class _Bars:
    """Progress bars, one a file."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, file: ModelFile, done: int) -> None:
        if file.name not in self._tasks:
            self._tasks[file.name] = self._progress.add_task(file.name, total=file.size or None)
        self._progress.update(self._tasks[file.name], completed=done)


@contextlib.contextmanager
def _bars(out: output.Output) -> Iterator[_Bars]:
    columns = (
        TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=out.console, transient=True) as progress:
        yield _Bars(progress)


def _what_became(pulled: Pulled) -> str:
    name = f"{escape(pulled.file.name)} [dim]{decimal(pulled.size)}[/]"
    came = "" if pulled.fetched else ", was here already"
    if pulled.state is FileState.VERIFIED:
        return f"{name} [green]verified[/]{came}"
    return (
        f"{name} [yellow]trusted[/]{came}: its sum is not in the manifest, sha256 {pulled.sha256} is recorded and "
        "compared with from now on"
    )


def _pulled_document(pulled: Pulled) -> dict[str, Any]:
    return {
        "name": pulled.file.name,
        "path": str(pulled.path),
        "state": pulled.state.value,
        "sha256": pulled.sha256,
        "size": pulled.size,
        "fetched_bytes": pulled.fetched,
    }


_ADVICE = {
    FileState.VERIFIED: "[green]right[/]",
    FileState.RECORDED: "[green]as it was first pulled[/]",
    FileState.UNKNOWN: "[yellow]its sum is known to nobody: pull the model to record it[/]",
    FileState.MISSING: "[red]missing[/]",
    FileState.WRONG_SIZE: "[red]not whole, or another file: wrong size[/]",
    FileState.WRONG_SUM: "[red]changed: wrong sha256[/]",
}


def _verify(out: output.Output, store: ModelStore, chosen: Sequence[Model]) -> None:
    documents, wrong = [], []
    for model in chosen:
        states = {}
        for file in model.file:
            with out.console.status(f"reading {escape(file.name)}"):
                states[file.name] = state = store.verify(model, file)
            out.console.print(f"{escape(model.folder)}/{escape(file.name)}  {_ADVICE[state]}")
        good = all(state.good for state in states.values())
        if not good:
            wrong.append(model.id)
        files = [{"name": name, "state": state.value} for name, state in states.items()]
        documents.append({"id": model.id, "good": good, "files": files})
    if not chosen:
        out.console.print(f"no models in {escape(str(store.cache_dir))}: see voicemesh models list")
    out.document({"cache_dir": str(store.cache_dir), "good": not wrong, "models": documents})
    if wrong:
        out.console.print(f"Fetch what is wrong again: voicemesh models pull {' '.join(wrong)}")
        raise typer.Exit(1)
