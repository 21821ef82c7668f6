"""What the understanding is worth, on validation data: intents, out of scope, calibration, time, entities.

CLINC150 is trained on its train parts and judged on its validation parts, Banking77 on four fifths of its training file
and judged on the last fifth; both files are cut here, so nothing that is judged was trained on. One fifth is few: the
mean of all five, and what three fifths give, come from `nlu_folds.py`. The project's own domains are judged by
cross-validation. Entities are read from the tables of the unit tests (`entities.py`).
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voicemesh_cli.tool import document_of

HERE = Path(__file__).parent
ROOT = HERE.parent
MODULE = "services.nlu.training"
SEED = 20
HELD_OUT = 0.2
CLINC, BANKING = "clinc150_train_val.json", "banking77_train.csv"


def clinc(source: Path, folder: Path) -> tuple[Path, Path]:
    """Cut CLINC150's training file into its train parts and its validation parts."""
    parts = json.loads(source.read_text("utf-8"))
    train, test = folder / "clinc_train.json", folder / "clinc_val.json"
    train.write_text(json.dumps({name: rows for name, rows in parts.items() if "train" in name}), "utf-8")
    test.write_text(json.dumps({name: rows for name, rows in parts.items() if "val" in name}), "utf-8")
    return train, test


def banking(source: Path, folder: Path) -> tuple[Path, Path]:
    """Cut Banking77's training file: a fifth of each intent is held out."""
    by_label: dict[str, list[dict[str, str]]] = defaultdict(list)
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_label[row["category"]].append(row)
    chance = random.Random(SEED)
    parts: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for rows in by_label.values():
        chance.shuffle(rows)
        held_out = round(len(rows) * HELD_OUT)
        parts[0].extend(rows[held_out:])
        parts[1].extend(rows[:held_out])
    paths = folder / "banking_train.csv", folder / "banking_val.csv"
    for path, rows in zip(paths, parts, strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "category"])
            writer.writeheader()
            writer.writerows(rows)
    return paths


def benchmarks(data: Path, console: Console) -> list[dict[str, object]]:
    """Measure the public data sets."""
    found = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-bench-") as folder:
        for name, cut in ((CLINC, clinc), (BANKING, banking)):
            console.print(f"training on {name}", style="dim")
            train, test = cut(data / name, Path(folder))
            found.append(document_of(MODULE, "benchmark", "--train", str(train), "--test", str(test)))
    return found


def folds(data: Path, console: Console) -> dict[str, Any]:
    """Hold out each fifth of Banking77 in turn."""
    console.print(f"holding out each fifth of {BANKING}", style="dim")
    command = [sys.executable, str(HERE / "nlu_folds.py"), str(data / BANKING)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def domains(console: Console) -> list[dict[str, object]]:
    """Judge the heads of the project's own domains by cross-validation."""
    console.print("judging the project's own domains", style="dim")
    names = sorted(path.parent.name for path in (ROOT / "voicemesh_domains").glob("*/domain.yaml"))
    return document_of(MODULE, "eval", *names)["evaluations"]


def entities(console: Console) -> dict[str, Any]:
    """Read the tables of entities."""
    console.print("reading the tables of entities", style="dim")
    command = [sys.executable, str(HERE / "entities.py"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def percent(share: object) -> str:
    """Return a share as a person reads it."""
    return f"{share:.1%}" if isinstance(share, float) else "-"


def percents(shares: list[float]) -> str:
    """Return shares as a person reads them."""
    return ", ".join(map(percent, shares))


def show(
    figures: dict[str, list[dict[str, object]]], fifths: dict[str, Any], tables: dict[str, Any], console: Console
) -> None:
    """Print the figures."""
    table = Table(title="intents, on texts that were held out")
    for column in ("", "accuracy", "at the threshold", "out of scope found", "calibration error", "p50 ms", "p99 ms"):
        table.add_column(column, justify="left" if not column else "right")
    for each in figures["benchmarks"]:
        shares = (each["accuracy_without_threshold"], each["in_scope_accuracy"], each["oos_recall"], each["ece"])
        table.add_row(str(each["dataset"]), *map(percent, shares), str(each["p50_ms"]), str(each["p99_ms"]))
    for each in figures["domains"]:
        shares = (each["accuracy"], each["in_scope_accuracy"], each["out_of_scope_recall"], each["ece"])
        table.add_row(f"{each['domain']} {each['language']}", *map(percent, shares), "", "")
    console.print(table)
    for each in figures["benchmarks"]:
        console.print(f"{each['dataset']}: trained in {each['train_s']} s on {each['counts']}", style="dim")
    mean, each_fifth = fifths["mean"], percents(fifths["folds"]["four_fifths"])
    console.print(f"banking77, mean of five fifths: {mean['four_fifths']:.1%} ({each_fifth})")
    console.print(f"banking77, the same, trained on three fifths: {mean['three_fifths']:.1%}")
    for language, group in tables["languages"].items():
        console.print(f"entities {language}: {group['passed']} of {group['cases']} cases, {group['pass_rate']:.1%}")


def main() -> int:
    """Measure, print, and write bench/results/nlu.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("VOICEMESH_TEST_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(default) / "data" if default else None,
        help=f"folder of {CLINC} and {BANKING}; else $VOICEMESH_TEST_DATA/data",
    )
    data = parser.parse_args().data
    console = Console()
    if data is None or not (data / CLINC).is_file() or not (data / BANKING).is_file():
        console.print(f"give --data, the folder of {CLINC} and {BANKING}, or set VOICEMESH_TEST_DATA", style="red")
        return 2
    figures = {"benchmarks": benchmarks(data, console), "domains": domains(console)}
    fifths = folds(data, console)
    tables = entities(console)
    show(figures, fifths, tables, console)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "nlu.json").write_text(
        json.dumps({**figures, "banking77_folds": fifths, "entities": tables}, indent=2) + "\n", "utf-8"
    )
    console.print("written to bench/results/nlu.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
