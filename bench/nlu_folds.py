"""How well intents are told by five-fold cross-validation, and what more examples would give: Banking77.

Each fold of its training file is held out in turn; heads are trained on all that is left, and on three quarters of
that. All that is chosen is chosen inside what is trained on. The sentences are encoded once.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from mesh.config import load
from services.nlu.config import NluSettings
from services.nlu.encoder.cache import prepare
from services.nlu.encoder.encoder import SentenceEncoder, Vectors
from services.nlu.head import plain
from services.nlu.training.datasets import Row, read_rows
from services.nlu.training.train import Examples, predict, train

SEED = 20
FOLDS = 5
SMALLER = 0.75


class Remembered(SentenceEncoder):
    """An encoder that computes each sentence once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._known: dict[str, Vectors] = {}

    def pooled(self, sentences: Sequence[str], *, batch: int = 64) -> Vectors:
        """Return the sentences' wide vectors, as the encoder does."""
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]
        self._known.update(zip(new, super().pooled(new, batch=batch), strict=True))
        return np.stack([self._known[sentence] for sentence in sentences]) if sentences else super().pooled(())


def accuracy(learnt: Sequence[Row], held: Sequence[Row], encoder: SentenceEncoder) -> float:
    """Train on some rows, and return the share of others that are told right."""
    trained = train(Examples([row.text for row in learnt], [row.label or "" for row in learnt], ()), encoder)
    texts = [row.text for row in held]
    targets = np.array([trained.head.labels.index(row.label or "") for row in held], np.intp)
    said = predict(trained.head, texts, targets, (), encoder.pooled([plain(text) for text in texts]))
    return float((said.logits.argmax(axis=1) == targets).mean())


def measured(rows: Sequence[Row], encoder: SentenceEncoder) -> dict[str, object]:
    """Return the accuracy of each fold, trained on all the others and on three quarters of them."""
    labels = [row.label or "" for row in rows]
    found: dict[str, list[float]] = {"four_fifths": [], "three_fifths": []}
    for number, (seen, held) in enumerate(
        StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    ):
        fewer = next(
            StratifiedKFold(round(1 / (1 - SMALLER)), shuffle=True, random_state=SEED).split(
                seen, [labels[place] for place in seen]
            )
        )[0]
        judged = [rows[place] for place in held]
        for name, places in (("three_fifths", seen[fewer]), ("four_fifths", seen)):
            found[name].append(round(accuracy([rows[place] for place in places], judged, encoder), 4))
        sys.stderr.write(f"fold {number + 1} of {FOLDS}: {found['four_fifths'][-1]:.1%}\n")
    return {"folds": found, "mean": {name: round(float(np.mean(shares)), 4) for name, shares in found.items()}}


def main() -> int:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="Banking77's training file")
    rows = read_rows(parser.parse_args().file)
    encoder = Remembered(prepare(load(NluSettings).cache_dir))
    with threadpool_limits(1):
        found = measured(rows, encoder)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
