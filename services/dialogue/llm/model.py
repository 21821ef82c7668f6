"""What a language model is to the policy: messages and tools in, pieces of an answer out."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = Mapping[str, Any]
"""A message of the chat, as OpenAI's API writes it."""


class ModelError(Exception):
    """The model gave no answer that can be used.

    Args:
        reason: one word for the metric.
        detail: a sentence for the log, without anything that was said.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Words:
    """Some more of the text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants something done; `arguments` is a JSON document, unchecked."""

    name: str
    arguments: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole; `cut`: it was longer than allowed."""

    cut: bool = False


Piece = Words | ToolCall | Finished


@dataclass(frozen=True)
class Tool:
    """Something the model may call."""

    name: str
    description: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Each with a description; all are text."""
    optional: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return it as OpenAI's API writes it."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string", "description": text} for name, text in self.arguments.items()
                    },
                    "required": [name for name in self.arguments if name not in self.optional],
                    "additionalProperties": False,
                },
            },
        }


class ChatModel(Protocol):
    """Answers a chat. Closing the stream early stops the model."""

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[Piece, None]:
        """Yield the answer as it comes: words and tool calls in their order, at last exactly one `Finished`.

        Raises:
            ModelError: there is no answer, or no more of it.
        """
        ...
