"""The commands behind `voicemesh nlu train`, `eval` and `benchmark`: each returns its document."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mesh.config import ConfigError, load
from services.nlu.config import NluSettings
from services.nlu.domains import DomainData, IntentsFile, LanguageData, bundled_domains, load_domain, read_file
from services.nlu.encoder.cache import prepare
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.head import HEAD_FILE, data_sha256, load_head, plain
from services.nlu.training import evaluate as evaluation
from services.nlu.training.datasets import Row, Split, read_split, threshold_from
from services.nlu.training.report import html as drawn
from services.nlu.training.timing import parse_times
from services.nlu.training.train import LEAST_OUTSIDE, Examples, Trained, predict
from services.nlu.training.train import train as train_head

DOMAIN_COST = 0.03
"""How much in-scope accuracy a domain's operating point may cost: a caller who strays is worth a few asked again."""

_SHOWN = ("examples", "out_of_scope", "accuracy", "in_scope_accuracy", "in_scope_kept", "out_of_scope_recall", "ece")


def train(domains: Sequence[str], languages: Sequence[str]) -> dict[str, Any]:
    """Train the heads of domains and write them beside their data.

    Raises:
        ConfigError: when a domain, its data or the encoder cannot be used.
    """
    settings = load(NluSettings)
    encoder = _encoder(settings)
    done = []
    for domain, language, data in _chosen(settings, domains, languages):
        begin = time.perf_counter()
        trained = _trained(data, encoder)
        path = domain.folder / language / HEAD_FILE
        trained.head.save(path)
        seconds = round(time.perf_counter() - begin, 2)
        document = _document(domain, language, trained)
        shown = {name: document[name] for name in ("domain", "language", *_SHOWN)}
        done.append({**shown, "train_s": seconds, "file": str(path), "warnings": _warnings(domain, language, data)})
        _progress(f"{domain.file.name}/{language}: trained in {seconds} s")
    return {"trained": done}


def evaluate(
    domains: Sequence[str], languages: Sequence[str], held_out: Path | None, html: Path | None
) -> dict[str, Any]:
    """Judge the heads of domains: by cross-validation of what they are trained on, or on sentences held out.

    Raises:
        ConfigError: when a domain, its data, its head or the held-out sentences cannot be used.
    """
    settings = load(NluSettings)
    encoder = _encoder(settings)
    evaluations = [
        _on_held_out(domain, language, held_out, encoder)
        if held_out
        else {**_document(domain, language, _trained(data, encoder)), "method": "five-fold cross-validation"}
        for domain, language, data in _chosen(settings, domains, languages)
    ]
    if html:
        html.write_text(drawn(evaluations), "utf-8")
    return {"evaluations": evaluations}


def benchmark(train: Path, test: Path) -> dict[str, Any]:
    """Train on one public data set's file and test on another of the same form.

    The operating point is chosen on the training file's validation part where it has one, else by cross-validation of
    it. Both files are read first, to see that they belong together; but of the test file nothing is looked at before
    everything is chosen.

    Raises:
        DatasetError: when the files are no data sets.
        ConfigError: when the encoder cannot be used.
    """
    split = read_split(train, test)
    settings = load(NluSettings)
    encoder = _encoder(settings)
    _progress(f"training on {len(split.train)} rows")
    begin = time.perf_counter()
    trained = train_head(_examples(split.train), encoder)
    seconds = time.perf_counter() - begin
    _progress(f"trained in {seconds:.1f} s; testing on {len(split.test)} rows")
    document = _benchmark_document(split, trained, encoder)
    # Timed as the service parses: one thread a computation, as many at once as there are workers.
    served = SentenceEncoder(prepare(settings.cache_dir), parallel=settings.nlu_workers)
    times = parse_times(trained.head, served, [row.text for row in split.test])
    served.close()
    return {**document, "train_s": round(seconds, 2), **times}


def _benchmark_document(split: Split, trained: Trained, encoder: SentenceEncoder) -> dict[str, Any]:
    head = trained.head
    inside = [row for row in split.test if row.label is not None]
    outside = [row.text for row in split.test if row.label is None]
    texts = [row.text for row in inside]
    targets = np.array([head.labels.index(row.label or "") for row in inside], np.intp)
    vectors = encoder.pooled([plain(text) for text in (*texts, *outside)])
    predictions = predict(head, texts, targets, outside, vectors)
    shown = evaluation.document(predictions, head.labels, head.temperature, head.scope.threshold)
    return {
        "dataset": split.name,
        "in_scope_accuracy": shown["in_scope_accuracy"] if inside else None,
        "oos_recall": shown["out_of_scope_recall"],
        "accuracy_without_threshold": shown["accuracy"] if inside else None,
        "in_scope_kept": shown["in_scope_kept"] if inside else None,
        "ece": shown["ece"] if inside else None,
        "threshold": shown["threshold"],
        "threshold_from": threshold_from(split.train),
        "temperature": shown["temperature"],
        "lexical_share": head.lexical_share,
        "near_share": head.near_share,
        "counts": {
            "train": sum(row.label is not None for row in split.train),
            "train_oos": sum(row.label is None for row in split.train),
            "test": len(inside),
            "test_oos": len(outside),
            "test_seen_in_training": split.seen,
            "intents": len(head.labels),
        },
        "confusions": shown["confusions"][:20],
    }


def _examples(rows: Sequence[Row]) -> Examples:
    inside = [row for row in rows if row.label is not None]
    outside = [row for row in rows if row.label is None]
    return Examples(
        texts=[row.text for row in inside],
        names=[row.label or "" for row in inside],
        outside=[row.text for row in outside],
        validation=[row.role == "val" for row in inside],
        outside_validation=[row.role == "val" for row in outside],
    )


def _trained(data: LanguageData, encoder: SentenceEncoder) -> Trained:
    texts, names = zip(*data.labelled, strict=True)
    metadata = {"data_sha256": data_sha256(data), "trained": datetime.now(UTC).date().isoformat()}
    return train_head(Examples(texts, names, data.out_of_scope), encoder, cost=DOMAIN_COST, metadata=metadata)


def _document(domain: DomainData, language: str, trained: Trained) -> dict[str, Any]:
    head = trained.head
    shown = evaluation.document(trained.predictions, head.labels, head.temperature, head.scope.threshold)
    return {"domain": domain.file.name, "language": language, **shown}


def _on_held_out(domain: DomainData, language: str, path: Path, encoder: SentenceEncoder) -> dict[str, Any]:
    head = load_head(domain.folder / language / HEAD_FILE)
    file = read_file(path, IntentsFile)
    pairs = [(text, name) for name, intent in file.intents.items() for text in intent.examples if name in head.labels]
    if not pairs:
        raise ConfigError(f"{path}: none of its intents is one of {domain.file.name}; write sentences of those")
    texts = [text for text, _ in pairs]
    targets = np.array([head.labels.index(name) for _, name in pairs], np.intp)
    vectors = encoder.pooled([plain(text) for text in (*texts, *file.out_of_scope)])
    predictions = predict(head, texts, targets, file.out_of_scope, vectors)
    shown = evaluation.document(predictions, head.labels, head.temperature, head.scope.threshold)
    return {"domain": domain.file.name, "language": language, **shown, "method": f"the sentences of {path}"}


def _chosen(
    settings: NluSettings, names: Sequence[str], languages: Sequence[str]
) -> Iterator[tuple[DomainData, str, LanguageData]]:
    for name in names:
        path = Path(name)
        here = path.is_dir() or len(path.parts) > 1
        domain = load_domain(path.resolve() if here else _named(settings.domains_dir or bundled_domains(), name))
        strange = sorted(set(languages) - set(domain.languages))
        if strange:
            raise ConfigError(f"{domain.file.name} does not speak {strange[0]!r}; it has {', '.join(domain.languages)}")
        for language in languages or domain.languages:
            data = domain.languages[language]
            _check(domain, language, data)
            yield domain, language, data


def _named(folder: Path, name: str) -> Path:
    """Return the folder of a domain that is called by its name."""
    if not (folder / name / "domain.yaml").is_file():
        there = ", ".join(sorted(path.parent.name for path in folder.glob("*/domain.yaml"))) or "none"
        raise ConfigError(
            f"there is no domain {name!r} in {folder}; there are: {there}. Name one of them, or the path of a folder"
        )
    return folder / name


def _warnings(domain: DomainData, language: str, data: LanguageData) -> list[str]:
    count = len(data.out_of_scope)
    if count >= LEAST_OUTSIDE:
        return []
    path = domain.folder / language / "intents.yaml"
    few = (
        f"{path}: has {count} out-of-scope sentences; with fewer than {LEAST_OUTSIDE} everything is taken for in scope"
    )
    return [f"{few}. Write fifty or more under out_of_scope"]


def _check(domain: DomainData, language: str, data: LanguageData) -> None:
    """Refuse what cannot be learnt."""
    path = domain.folder / language / "intents.yaml"
    if len(data.intents) < 2:
        raise ConfigError(f"{path}: has one intent, so there is nothing to tell apart; add another")
    for name, intent in data.intents.items():
        if len(set(intent.examples)) < 2:
            raise ConfigError(f"{path}: intents.{name}.examples: has one; write two or more, better twenty")
    first: dict[str, str] = {}
    for text, name in data.labelled:
        if first.setdefault(text.lower(), name) != name:
            other = first[text.lower()]
            raise ConfigError(f"{path}: {text!r} is an example of {other} and of {name}; leave it in one of them")


def _encoder(settings: NluSettings) -> SentenceEncoder:
    return SentenceEncoder(prepare(settings.cache_dir), threads=settings.nlu_workers)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - it is a command
