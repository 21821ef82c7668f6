"""Trains what the last words of an utterance tell of whether it is over: `make endings`.

    python tools/train_endings.py --data FOLDER
    python tools/train_endings.py --language es

A logistic regression over the last one, two and three words and the number of words. Whole utterances end, their
beginnings do not. Read are the examples and the callers' lines in the dialogues of this project's own domains; for
English also the utterances of CLINC150 (Larson et al. 2019, CC BY 3.0, `clinc150_train_val.json`) and Banking77
(Casanueva et al. 2020, CC BY 4.0, `banking77_train.csv`) in FOLDER. Only weights are written:
`voicemesh_domains/common/LANGUAGE/endings.tsv`. Needs scikit-learn.
"""

import argparse
import csv
import json
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from services.dialogue.turns.endings import features
from services.dialogue.turns.habits import words_of

DOMAINS = Path(__file__).parents[1] / "voicemesh_domains"
SEED = 20
HELD_OUT = 0.1
_SEEN_AT_LEAST = {"en": 5}
_SEEN_ELSE = 3
"""A language of few utterances has few words that are seen often."""
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


def own_utterances(language: str) -> list[str]:
    """Return what callers say in the project's own domains, each once."""
    texts: list[str] = []
    for path in sorted(DOMAINS.glob(f"*/{language}/intents.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        texts += [text for intent in content.get("intents", {}).values() for text in intent.get("examples", [])]
        texts += content.get("out_of_scope", []) if language != "en" else []
    for path in sorted(DOMAINS.glob(f"*/{language}/dialogues/*.txt")) if language != "en" else ():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("> ")]
        texts += [line.partition(" | ")[2] for line in lines if " | " in line]
    sentences = [sentence.strip() for text in texts for sentence in _SENTENCE_END.split(text)]
    return list(dict.fromkeys(sentence for sentence in sentences if words_of(sentence)))


def public_utterances(folder: Path) -> list[str]:
    """Return what people said to machines in English, a sentence each."""
    clinc = json.loads((folder / "clinc150_train_val.json").read_text(encoding="utf-8"))
    texts = [text for part in clinc.values() for text, _ in part]
    with (folder / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        texts += [sentence for row in csv.DictReader(file) for sentence in _SENTENCE_END.split(row["text"])]
    return texts


def examples(texts: list[str]) -> tuple[list[list[str]], np.ndarray]:
    """Return the features of every beginning of every text, and whether it is the whole."""
    found, whole = [], []
    for text in texts:
        words = words_of(text)
        for size in range(1, len(words) + 1):
            found.append(features(words[:size]))
            whole.append(size == len(words))
    return found, np.array(whole)


def matrix(rows: list[list[str]], places: dict[str, int]) -> csr_matrix:
    """Return the rows as zeros and ones."""
    ends, indices = [0], []
    for row in rows:
        indices += [places[name] for name in row if name in places]
        ends.append(len(indices))
    return csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(rows), len(places)))


def main() -> None:
    """Train, say how good it is on utterances it has not seen, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", default="en", help="tag of the language")
    parser.add_argument("--data", type=Path, help="folder of the two English data sets")
    given = parser.parse_args()
    if given.language == "en" and given.data is None:
        parser.error("English is trained on two data sets; name their folder with --data")
    texts = own_utterances(given.language)
    texts = [*public_utterances(given.data), *texts] if given.language == "en" else texts
    least = _SEEN_AT_LEAST.get(given.language, _SEEN_ELSE)
    random.Random(SEED).shuffle(texts)
    held_out = round(len(texts) * HELD_OUT)
    rows, whole = examples(texts[held_out:])
    counts = Counter(name for row in rows for name in row)
    places = {name: place for place, name in enumerate(sorted(n for n, count in counts.items() if count >= least))}
    model = LogisticRegression(l1_ratio=1.0, solver="liblinear", C=0.5, random_state=SEED, max_iter=400)
    model.fit(matrix(rows, places), whole)
    unseen, truth = examples(texts[:held_out])
    judged = model.predict_proba(matrix(unseen, places))[:, 1]
    print(f"{held_out} utterances not seen: area under the curve {roc_auc_score(truth, judged):.3f}")
    for limit in (0.02, 0.05, 0.1, 0.2):
        ends, beginnings = (judged[truth] < limit).mean(), (judged[~truth] < limit).mean()
        print(f"  below {limit:.2f}: {beginnings:.1%} of the beginnings, {ends:.1%} of the ends")
    weights = {name: model.coef_[0, place] for name, place in places.items() if abs(model.coef_[0, place]) > 0.01}
    lines = [f"\t{model.intercept_[0]:.2f}", *(f"{name}\t{weight:.2f}" for name, weight in weights.items())]
    out = DOMAINS / "common" / given.language / "endings.tsv"
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(weights)} weights, {out.stat().st_size / 1000:.0f} kB: {out.relative_to(DOMAINS.parent)}")


if __name__ == "__main__":
    main()
