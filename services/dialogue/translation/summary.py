"""Summaries in the language of the business systems, with the original beside them."""

from mesh import logs
from mesh.config import ConfigError
from services.dialogue import metrics
from services.dialogue.dispositions.summarisers import Summariser
from services.dialogue.model import Ended
from services.dialogue.translation.model import TranslationError, Translator, translate_texts

_log = logs.get_logger(__name__)


class TranslatedSummaries(Summariser):
    """Writes summaries of calls in one language, whatever language they were held in.

    What cannot be translated stands alone.

    Args:
        translator: translates.
        target: the language, a primary tag.
        inner: writes the summary; None: the facts have.
    """

    def __init__(self, translator: Translator, target: str, inner: Summariser | None = None) -> None:
        self._translator = translator
        self._target = target
        self._inner = inner

    async def summarise(self, end: Ended, language: str) -> str:
        """Return the summary, translated where the call was held in another language, and its original."""
        said = await self._inner.summarise(end, language) if self._inner is not None else end.summary
        source = language.partition("-")[0].lower()
        if source == self._target or not said.strip():
            return said
        try:
            (words,) = await translate_texts(self._translator, [said], source, self._target)
        except (TranslationError, ConfigError) as error:
            metrics.TRANSLATIONS.labels("failed").inc()
            _log.warning("summary.not_translated", source=source, target=self._target, error=str(error))
            return said
        metrics.TRANSLATIONS.labels("done").inc()
        return f"{words} (Original, {source}: {said.strip()})"
