"""The default engine: MiniLM sentence vectors and n-grams under a trained head."""

from collections.abc import Sequence

from mesh.config import ConfigError
from services.nlu.config import NluSettings
from services.nlu.domains import DomainData, bundled_domains, load_domains
from services.nlu.encoder.cache import prepare
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.encoder.source import WEIGHTS_SHA256
from services.nlu.engines.scores import Scorer, Scores
from services.nlu.engines.shared import ScoringEngine
from services.nlu.head import HEAD_FILE, Head, Judgement, load_head, plain


class HeadScorer:
    """Scores the intents of one domain in one language."""

    def __init__(self, encoder: SentenceEncoder, head: Head) -> None:
        self._encoder = encoder
        self._head = head

    def __call__(self, texts: Sequence[str]) -> list[Scores]:
        """Return what the words of each text alone say; all texts go through the encoder at once."""
        vectors = self._encoder.pooled([plain(text) for text in texts])
        return [self._scores(said) for said in self._head.judge_all(texts, vectors)]

    def _scores(self, said: Judgement) -> Scores:
        logs = dict(zip(self._head.labels, said.log_probabilities.tolist(), strict=True))
        return Scores(log_probabilities=logs, scope_margin=said.scope_margin)


def create(settings: NluSettings) -> ScoringEngine:
    """Return the engine; prepares the sentence encoder where it is not in the cache yet (seconds).

    Raises:
        ConfigError: when a domain's files, its head or the encoder cannot be used.
    """
    domains = load_domains(settings.domains_dir or bundled_domains())
    encoder = SentenceEncoder(prepare(settings.cache_dir), parallel=settings.nlu_workers)
    scorers: dict[tuple[str, str], Scorer] = {
        (name, language): HeadScorer(encoder, _checked_head(domain, language))
        for name, domain in domains.items()
        for language in domain.languages
    }
    return ScoringEngine("minilm", domains, scorers, close=encoder.close)


def _checked_head(domain: DomainData, language: str) -> Head:
    path = domain.folder / language / HEAD_FILE
    head = load_head(path)
    intents = set(domain.languages[language].intents)
    if head.metadata.get("encoder_sha256") != WEIGHTS_SHA256 or set(head.labels) != intents:
        raise ConfigError(
            f"{path} was trained for another encoder or other intents; run `voicemesh nlu train {domain.file.name}`"
        )
    return head
