"""A model on this machine: a decoder in CTranslate2's format, with the tokenizer and chat template of its folder.

Whatever `ct2-transformers-converter --copy_files tokenizer.json tokenizer_config.json` makes of a chat model will do.
Tools are told by the template; calls are read as Hermes, Qwen and others write them: `<tool_call>{...}</tool_call>`.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mesh.config import ConfigError
from services.dialogue.llm.model import ChatModel, Finished, Message, ModelError, Piece, Tool, ToolCall, Words

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_BROKEN = "\ufffd"
"""What half a character decodes to."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen."""

    max_tokens: int = 200
    temperature: float = 0.3
    top_k: int = 20


class LocalModel(ChatModel):
    """Answers with a CTranslate2 `Generator`; one answer at a time, others wait - and are given up by who asked.

    Args:
        folder: of the model: `model.bin`, `tokenizer.json`, `tokenizer_config.json` with a chat template.
        sampling: how tokens are chosen.
        threads: of one answer; 0: CTranslate2's choice.

    Raises:
        ConfigError: a package or a file is missing, or of another kind.
    """

    def __init__(self, folder: Path, sampling: Sampling, threads: int = 0) -> None:
        self._sampling = sampling
        self._template, self._special = _template(folder)
        self._generator, self._tokenizer = _load(folder, threads)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="language-model")

    def close(self) -> None:
        """Take no more questions."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[Piece, None]:
        """Yield the answer as it comes; see `ChatModel`.

        Raises:
            ModelError: `failed`: the template or the model does not take the conversation.
        """
        prompt = self._prompt(messages, tools)
        loop, stopped = asyncio.get_running_loop(), threading.Event()
        # Never full: a token at a time, no more than are allowed, and the end.
        tokens: asyncio.Queue[int | None] = asyncio.Queue(self._sampling.max_tokens + 2)

        def on_token(token: int) -> bool:
            if not stopped.is_set():
                loop.call_soon_threadsafe(tokens.put_nowait, token)
            return stopped.is_set()

        work = loop.run_in_executor(self._pool, self._generate, prompt, on_token)
        work.add_done_callback(lambda _: tokens.put_nowait(None))
        text = _Text(self._tokenizer)
        try:
            while (token := await tokens.get()) is not None:
                for piece in text.add(token):
                    yield piece
            await _done(work)
        finally:
            stopped.set()
        for piece in text.end():
            yield piece
        yield Finished(cut=len(text.ids) >= self._sampling.max_tokens)

    def _prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[str]:
        try:
            text = self._template.render(
                messages=[_for_template(message) for message in messages],
                tools=[tool.schema() for tool in tools] or None,
                add_generation_prompt=True,
                **self._special,
            )
        except jinja2.TemplateError as error:
            raise ModelError("failed", f"the chat template: {error}") from error
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return list(encoded.tokens)

    def _generate(self, prompt: list[str], on_token: Callable[[int], bool]) -> None:
        sampling = self._sampling
        end = self._special.get("eos_token")
        self._generator.generate_batch(
            [prompt],
            beam_size=1,
            max_length=sampling.max_tokens,
            sampling_temperature=sampling.temperature or 1.0,
            sampling_topk=sampling.top_k if sampling.temperature else 1,
            include_prompt_in_result=False,
            end_token=end or None,
            callback=lambda step: step.token != end and on_token(step.token_id),
        )


async def _done(work: "asyncio.Future[None]") -> None:
    try:
        await work
    except (RuntimeError, ValueError) as error:
        raise ModelError("failed", f"the model: {error}") from error


@dataclass
class _Text:
    """Tokens as words and calls."""

    tokenizer: Any
    ids: list[int] = field(default_factory=list)
    told: int = 0
    """Characters of the text that were told, or belong to calls."""

    def add(self, token: int) -> list[Piece]:
        self.ids.append(token)
        text = self._text()
        return [] if text.endswith(_BROKEN) else self._pieces(text, last=False)

    def end(self) -> list[Piece]:
        return self._pieces(self._text().rstrip(_BROKEN), last=True)

    def _text(self) -> str:
        return str(self.tokenizer.decode(self.ids, skip_special_tokens=True))

    def _pieces(self, text: str, *, last: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while (begin := text.find(_OPEN, self.told)) >= 0:
            pieces += self._words(text, begin)
            end = text.find(_CLOSE, begin)
            if end < 0 and not last:
                return pieces
            document = text[begin + len(_OPEN) : end if end >= 0 else len(text)]
            pieces.append(_call(document, len(self.ids)))
            self.told = end + len(_CLOSE) if end >= 0 else len(text)
        return pieces + self._words(text, len(text) if last else len(text) - _half_opened(text))

    def _words(self, text: str, until: int) -> list[Piece]:
        new, self.told = text[self.told : until], max(self.told, until)
        return [Words(new)] if new else []


def _half_opened(text: str) -> int:
    """Return how many characters at the end may be the beginning of a call."""
    return next((size for size in range(len(_OPEN) - 1, 0, -1) if text.endswith(_OPEN[:size])), 0)


def _call(document: str, number: int) -> ToolCall:
    try:
        call = json.loads(document)
        return ToolCall(str(call["name"]), json.dumps(call.get("arguments") or {}), f"call_{number}")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError("malformed", "a tool call is no JSON with a name") from error


def _for_template(message: Message) -> dict[str, Any]:
    """Templates want words where the API has none, and arguments as objects."""
    made = {**message, "content": message["content"] or ""}
    if "tool_calls" in message:
        made["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
            for call in message["tool_calls"]
        ]
    return made


def _template(folder: Path) -> tuple[jinja2.Template, dict[str, str]]:
    """Return the chat template and the special tokens that it names."""
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        own = folder / "chat_template.jinja"
        source = own.read_text(encoding="utf-8") if own.is_file() else config["chat_template"]
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
        environment.globals["raise_exception"] = _refuse
        template = environment.from_string(source)
    except (OSError, ValueError, KeyError, TypeError, jinja2.TemplateError) as error:
        raise ConfigError(
            f"{folder}: tokenizer_config.json with a 'chat_template' cannot be read ({error!r}); convert a chat model "
            "with --copy_files tokenizer.json tokenizer_config.json (docs/language-model.md)"
        ) from error
    return template, {name: _token(config.get(name)) for name in ("bos_token", "eos_token") if config.get(name)}


def _token(value: Any) -> str:
    return str(value["content"]) if isinstance(value, dict) else str(value)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _load(folder: Path, threads: int) -> tuple[Any, Any]:
    try:
        import ctranslate2  # noqa: PLC0415 - an extra: only who uses it needs it
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"a local language model needs a package that is not installed ({error})") from error
    try:
        generator = ctranslate2.Generator(str(folder), device="auto", compute_type="auto", intra_threads=threads)
        return generator, Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # both raise whatever their native code says
        raise ConfigError(f"{folder} holds no model in CTranslate2's format with a tokenizer.json: {error}") from error
