"""An evaluation as a document: what is printed, written as JSON and drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from services.nlu.network import softmax
from services.nlu.training import figures
from services.nlu.training.figures import OUTSIDE, Predictions

_DRAWN_POINTS = 200
_DRAWN_INTENTS = 40


def document(predictions: Predictions, labels: Sequence[str], temperature: float, threshold: float) -> dict[str, Any]:
    """Return the figures of predictions at a threshold: shares are fractions, `ece` is of calibrated confidences."""
    probabilities = softmax(predictions.logits / np.float32(temperature))
    bins = figures.calibration(probabilities, predictions.targets)
    point = figures.at(predictions, threshold)
    rows = figures.judged(predictions, labels, threshold)
    return {
        "examples": len(predictions.texts),
        "out_of_scope": len(predictions.outside_texts),
        "accuracy": round(figures.accuracy(predictions.logits, predictions.targets), 4),
        "in_scope_accuracy": round(point.accuracy, 4),
        "in_scope_kept": round(point.kept, 4),
        "out_of_scope_recall": None if point.recall is None else round(point.recall, 4),
        "ece": round(figures.calibration_error(bins), 4),
        "temperature": round(temperature, 4),
        "threshold": _finite(threshold),
        "calibration": [asdict(each) for each in bins],
        "operating_points": _drawn(predictions),
        "confusions": [asdict(each) for each in figures.confusions(rows)],
        "intents": _intents(rows, labels),
        "matrix": _matrix(rows, labels) if len(labels) <= _DRAWN_INTENTS else None,
    }


def _finite(threshold: float) -> float | None:
    return round(threshold, 4) if np.isfinite(threshold) else None


def _drawn(predictions: Predictions) -> list[dict[str, float | None]]:
    """Return up to 200 of the operating points; none without out-of-scope texts."""
    if not len(predictions.outside_texts):
        return []
    points = figures.operating_points(predictions)
    places = np.unique(np.linspace(0, len(points) - 1, min(_DRAWN_POINTS, len(points))).round().astype(int))
    return [
        {"threshold": _finite(p.threshold), "accuracy": p.accuracy, "kept": p.kept, "recall": p.recall}
        for p in (points[place] for place in places)
    ]


def _intents(rows: Sequence[tuple[str, str, str]], labels: Sequence[str]) -> list[dict[str, Any]]:
    meant = Counter(right for _, right, _ in rows)
    said = Counter(taken for _, _, taken in rows)
    right_ones = Counter(right for _, right, taken in rows if right == taken)
    return [
        {
            "name": name,
            "examples": meant[name],
            "recall": round(right_ones[name] / meant[name], 4) if meant[name] else None,
            "precision": round(right_ones[name] / said[name], 4) if said[name] else None,
        }
        for name in (*labels, OUTSIDE)
        if meant[name] or said[name]
    ]


def _matrix(rows: Sequence[tuple[str, str, str]], labels: Sequence[str]) -> dict[str, Any]:
    counts = Counter((meant, taken) for _, meant, taken in rows)
    totals = Counter(meant for _, meant, _ in rows)
    names = [name for name in (*labels, OUTSIDE) if totals[name]]
    columns = [name for name in (*labels, OUTSIDE) if any(counts[each, name] for each in names) or name in names]
    return {
        "columns": columns,
        "rows": [
            {
                "name": name,
                "cells": [
                    {"count": counts[name, other], "share": counts[name, other] / totals[name], "right": name == other}
                    for other in columns
                ],
            }
            for name in names
        ],
    }
