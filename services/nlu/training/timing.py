"""How long a sentence takes to parse, as the service parses it."""

import gc
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.nlu.domains import DomainData, DomainFile, IntentData, LanguageData
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.engines.minilm import HeadScorer
from services.nlu.engines.shared import ScoringEngine
from services.nlu.entities.grammar import BUILT_IN_TYPES
from services.nlu.head import Head
from services.nlu.model import ParseRequest

_MOST = 1000
_FIRST = 20


def parse_times(head: Head, encoder: SentenceEncoder, texts: Sequence[str]) -> dict[str, float]:
    """Return the median and the 99th percentile of whole parses, in milliseconds, one sentence at a time.

    A parse is all the service does for a sentence: entities of every built-in type, intents, scope, parts, feeling.
    At most 1000 sentences, evenly chosen, are timed; twenty are parsed before, for no caller is the first.
    """
    name = "benchmark"
    data = LanguageData({"any": IntentData(examples=["any"])}, (), "[A-Z]?[0-9]{3,10}", frozenset(), {})
    file = DomainFile(name=name, description=name, languages=["en"], entity_types=list(BUILT_IN_TYPES))
    domains = {name: DomainData(file, Path(), {"en": data})}
    engine = ScoringEngine("minilm", domains, {(name, "en"): HeadScorer(encoder, head)})
    places = np.linspace(0, len(texts) - 1, min(len(texts), _MOST)).astype(int)
    chosen = [texts[place] for place in places]
    gc.collect()
    gc.freeze()  # as the service does once it is loaded
    try:
        times = []
        for text in [*chosen[:_FIRST], *chosen]:
            begin = time.perf_counter()
            engine.parse(ParseRequest(text, name, "en", datetime.now(UTC)))
            times.append(time.perf_counter() - begin)
    finally:
        gc.unfreeze()
    p50, p99 = np.percentile(times[min(_FIRST, len(chosen)) :], [50, 99])
    return {"p50_ms": round(float(p50) * 1e3, 3), "p99_ms": round(float(p99) * 1e3, 3)}
