"""The use cases: parse a text, list the domains. Streams of hypotheses: `stream.py`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mesh import telemetry
from mesh.errors import ErrorReason, MeshError
from mesh.executor import InferenceExecutor
from services.nlu import metrics
from services.nlu.model import (
    DomainInfo,
    Expectation,
    NluEngine,
    Parse,
    ParseRequest,
    TimedWord,
    UnknownDomainError,
    UnknownLanguageError,
)

_tracer = telemetry.tracer(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    """How to parse.

    Attributes:
        reference: aware moment that spoken dates are relative to; None: the moment of parsing.
        time_zone: IANA name; empty: the domain's.
    """

    domain: str
    language: str
    time_zone: str = ""
    reference: datetime | None = None
    expectation: Expectation = field(default_factory=Expectation)


@dataclass(frozen=True, slots=True)
class Understood:
    """A parse and the seconds it took to compute."""

    parse: Parse
    compute_s: float


class Understanding:
    """The service's use cases over one engine."""

    def __init__(self, engine: NluEngine, executor: InferenceExecutor) -> None:
        self._engine = engine
        self._executor = executor

    def domains(self) -> list[DomainInfo]:
        """Return the domains, by name."""
        return [info for _, info in sorted(self._engine.domains().items())]

    def check(self, config: Config) -> ZoneInfo:
        """Return the time zone that spoken dates are meant in.

        Raises:
            MeshError: NOT_FOUND, UNRECOGNIZED_LANGUAGE or INVALID_REQUEST.
        """
        domains = self._engine.domains()
        if config.domain not in domains:
            raise _unknown_domain(config.domain, sorted(domains))
        info = domains[config.domain]
        supported = {tag.lower() for tag in info.languages}
        if not supported & {config.language.lower(), config.language.lower().split("-")[0]}:
            raise _unknown_language(config.language, info.languages)
        name = config.time_zone or info.time_zone
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError):  # unknown, not a relative path, a folder
            raise _unknown_zone(name) from None

    async def parse(self, config: Config, text: str, words: tuple[TimedWord, ...] = ()) -> Understood:
        """Return what a text means.

        Raises:
            MeshError: NOT_FOUND, UNRECOGNIZED_LANGUAGE, INVALID_REQUEST (time zone), OVERLOADED,
                ENGINE_FAILED.
        """
        zone = self.check(config)
        request = ParseRequest(
            text=text,
            domain=config.domain,
            language=config.language,
            reference=(config.reference or datetime.now(UTC)).astimezone(zone),
            expectation=config.expectation,
            words=words,
        )
        with _tracer.start_as_current_span("nlu.parse", attributes={"nlu.domain": config.domain}) as span:
            understood = await self._executor.run(self._compute, request)
            parse = understood.parse
            span.set_attributes(
                {
                    "nlu.engine": parse.engine,
                    "nlu.intent": parse.intents[0].name if parse.intents else "",
                    "nlu.out_of_scope": parse.out_of_scope,
                    "nlu.entities": len(parse.entities),
                }
            )
        metrics.PARSE_SECONDS.labels(config.domain).observe(understood.compute_s)
        metrics.PARSES.labels(config.domain, "out_of_scope" if parse.out_of_scope else "in_scope").inc()
        return understood

    def _compute(self, request: ParseRequest) -> Understood:
        begin = time.perf_counter()
        try:
            parse = self._engine.parse(request)
        except UnknownDomainError:
            raise _unknown_domain(request.domain, sorted(self._engine.domains())) from None
        except UnknownLanguageError as error:
            raise _unknown_language(error.language, error.supported) from None
        except Exception as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_ENGINE_FAILED,
                f"the engine {self._engine.name} failed on this text ({type(error).__name__}); try again, "
                "and see the service's log if it stays so",
                metadata={"engine": self._engine.name},
            ) from error
        return Understood(parse, time.perf_counter() - begin)


def _unknown_domain(name: str, known: Sequence[str]) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"no domain {name!r} here; use one of: {', '.join(known)}",
        metadata={"kind": "domain", "name": name},
    )


def _unknown_language(language: str, supported: Sequence[str]) -> MeshError:
    tags = ", ".join(supported)
    return MeshError(
        ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE,
        f"the domain has no data for the language {language!r}; use one of: {tags}",
        metadata={"language": language, "supported": tags},
    )


def _unknown_zone(name: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        f"no time zone {name!r}; use an IANA name such as America/New_York, or none for the domain's own",
        metadata={"field": "context.time_zone", "rule": "iana_time_zone"},
    )
