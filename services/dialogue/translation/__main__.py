"""Puts a translation beside each line of a transcript: `python -m services.dialogue.translation --to en < call.json`.

Reads what `voicemesh transcript --format json` prints and prints it with `translation` beside every `text`.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from mesh.config import ConfigError
from mesh.models.manifest import ModelSettings
from services.dialogue.translation.model import TranslationError, translate_texts
from services.dialogue.translation.opus import OpusTranslator


def main(arguments: list[str] | None = None) -> int:
    """Translate standard input to standard output; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m services.dialogue.translation",
        description="Puts a translation beside each line of a transcript in JSON, read from standard input.",
        epilog="example: voicemesh transcript call.json --format json | %(prog)s --from es --to en",
    )
    parser.add_argument(
        "--from", dest="source", default="", help="language of the transcript; else what it says itself"
    )
    parser.add_argument("--to", dest="target", required=True, help="language to translate into")
    given = parser.parse_args(arguments)
    try:
        document = translated(json.load(sys.stdin), given.source, given.target, ModelSettings().cache_dir)
    except (TranslationError, ConfigError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    return 0


def translated(document: Any, source: str, target: str, cache_dir: Path) -> dict[str, Any]:
    """Return a transcript's document with the translation of each segment beside its text.

    Raises:
        TranslationError: it cannot be translated, is no transcript, or does not say its language.
    """
    found = document.get("segments") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(segment, dict) for segment in found):
        raise TranslationError("this is no transcript in JSON; give what `voicemesh transcript --format json` printed")
    source = (source or str(document.get("language") or "")).partition("-")[0].lower()
    if not source:
        raise TranslationError("the transcript does not say its language; give it with --from")
    segments = [dict(segment) for segment in found]
    translator = OpusTranslator(cache_dir)
    try:
        texts = [str(segment.get("text") or "") for segment in segments]
        translations = asyncio.run(translate_texts(translator, texts, source, target))
    finally:
        translator.close()
    for segment, words in zip(segments, translations, strict=True):
        segment["translation"] = words
    return {**document, "segments": segments, "translated_to": target}


if __name__ == "__main__":
    sys.exit(main())
