"""What our engines share: everything but the scores of the intents."""

from collections.abc import Callable, Mapping

from services.nlu.domains import DomainData
from services.nlu.engines.scores import Scorer
from services.nlu.engines.wishes import joined, parts_of, wishes
from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.text import SpokenText
from services.nlu.model import (
    DomainInfo,
    Parse,
    ParseRequest,
    UnknownDomainError,
    UnknownLanguageError,
)
from services.nlu.scoring import expected_share, gives_only_information, scope_bonus, shift
from services.nlu.sentiment import sentiment


class ScoringEngine:
    """An engine made of a scorer for each domain and language."""

    def __init__(
        self,
        name: str,
        domains: Mapping[str, DomainData],
        scorers: Mapping[tuple[str, str], Scorer],
        *,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._close = close
        self._domains = domains
        self._scorers = scorers
        self._infos = {key: domain.info for key, domain in domains.items()}

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._name

    def domains(self) -> Mapping[str, DomainInfo]:
        """Return the domains it can parse, by name."""
        return self._infos

    def close(self) -> None:
        """Free what the scorers hold; models go with the engine."""
        self._close()

    def parse(self, request: ParseRequest) -> Parse:
        """Return what a text means.

        Raises:
            UnknownDomainError: for a domain that `domains` does not list.
            UnknownLanguageError: for a language that the domain does not list.
        """
        domain = self._domains.get(request.domain)
        if domain is None:
            raise UnknownDomainError(request.domain)
        language = spoken_language(request.language, domain)
        text = SpokenText(request.text, language)
        entities = extract(text, self._context(request, language), domain.file.entity_types, request.words)
        share = expected_share(text, entities, request.expectation)
        bare = gives_only_information(text, entities)
        parts = parts_of(text, entities)
        scores, *scores_of_parts = self._scorers[request.domain, language](
            [request.text, *(part.text for part in parts)]
        )
        intents = shift(scores.log_probabilities, share, request.expectation, only_information=bare)
        bonus = scope_bonus(share, intents[0].name, request.expectation, only_information=bare)
        whole = intents if scores.scope_margin + bonus >= 0 else ()
        intents, further = joined(whole, wishes(parts, scores_of_parts))
        return Parse(
            intents=intents,
            out_of_scope=not intents,
            further=further,
            entities=entities,
            sentiment=sentiment(request.text, language),
            engine=self._name,
        )

    def _context(self, request: ParseRequest, language: str) -> Context:
        domain = self._domains[request.domain]
        data = domain.languages[language]
        return Context(
            reference=request.reference,
            expected=request.expectation.entity_types,
            currency=domain.file.currency,
            phone_region=domain.file.phone.region,
            area_code=domain.file.phone.area_code,
            order_number_pattern=data.order_number_pattern,
            first_names=data.first_names,
            gazetteers=data.gazetteers,
            vocabulary=data.vocabulary,
        )


def spoken_language(tag: str, domain: DomainData) -> str:
    """Return the domain's language that a BCP 47 tag asks for: the tag itself, else its primary language.

    Raises:
        UnknownLanguageError: when the domain has neither.
    """
    by_tag = {language.lower(): language for language in domain.languages}
    for wanted in (tag.lower(), tag.lower().split("-")[0]):
        if wanted in by_tag:
            return by_tag[wanted]
    raise UnknownLanguageError(tag, tuple(domain.languages))
