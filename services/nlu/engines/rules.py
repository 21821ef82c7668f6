"""The second engine: keywords and patterns of the domains' own data; no model, no preparation."""

import math
import re
from collections.abc import Sequence

from services.nlu.config import NluSettings
from services.nlu.domains import IntentData, LanguageData, bundled_domains, load_domains
from services.nlu.engines.scores import Scorer, Scores
from services.nlu.engines.shared import ScoringEngine
from services.nlu.entities.text import straight
from services.nlu.folding import folded, unaccented

_PATTERN_WEIGHT = 5.0
_UNMATCHED = -1.5
_ANOTHER_KEYWORD = 0.4
_SHARPNESS = 2.0
_WORDS = re.compile(r"[\w']+")


class RuleScorer:
    """Scores intents by the keywords a text holds: a longer keyword and a fuller match weigh more.

    Accents count neither in keywords and patterns nor in texts: who types "manana" means "mañana".
    """

    def __init__(self, data: LanguageData) -> None:
        self._intents = {name: _compiled(intent) for name, intent in data.intents.items()}

    def __call__(self, texts: Sequence[str]) -> list[Scores]:
        """Return what the words of each text alone say; nothing that matches is out of scope."""
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Scores:
        plain = folded(straight(text))
        count = max(len(_WORDS.findall(plain)), 1)
        weights = {name: rules.weight(plain, count) for name, rules in self._intents.items()}
        total = sum(math.exp(_SHARPNESS * weight) for weight in weights.values())
        logs = {name: _SHARPNESS * weight - math.log(total) for name, weight in weights.items()}
        return Scores(log_probabilities=logs, scope_margin=max(weights.values()))


class _Rules:
    """One intent's rules."""

    def __init__(self, keywords: re.Pattern[str] | None, patterns: tuple[re.Pattern[str], ...]) -> None:
        self._keywords = keywords
        self._patterns = patterns

    def weight(self, text: str, count: int) -> float:
        """Return how strongly a text of `count` words speaks for the intent: below 0 means not at all."""
        matched = self._keywords.findall(text) if self._keywords else []
        words = [len(_WORDS.findall(keyword)) for keyword in matched]
        by_keywords = max(words) + _ANOTHER_KEYWORD * (len(words) - 1) + sum(words) / count if words else _UNMATCHED
        by_patterns = _PATTERN_WEIGHT if any(pattern.search(text) for pattern in self._patterns) else _UNMATCHED
        return max(by_keywords, by_patterns)


def _compiled(intent: IntentData) -> _Rules:
    keywords = {folded(straight(word)) for word in intent.keywords}
    alternatives = "|".join(re.escape(word) for word in sorted(keywords, key=lambda word: (-len(word), word)))
    found = re.compile(rf"(?<![\w'])(?:{alternatives})(?![\w'])") if alternatives else None
    return _Rules(found, tuple(re.compile(unaccented(pattern)) for pattern in intent.patterns))


def create(settings: NluSettings) -> ScoringEngine:
    """Return the engine.

    Raises:
        ConfigError: when a domain's files cannot be used.
    """
    domains = load_domains(settings.domains_dir or bundled_domains())
    scorers: dict[tuple[str, str], Scorer] = {
        (name, language): RuleScorer(data)
        for name, domain in domains.items()
        for language, data in domain.languages.items()
    }
    return ScoringEngine("rules", domains, scorers)
