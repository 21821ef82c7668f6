"""What was said so far, as the conversation's state keeps it and as the model reads it."""

from collections.abc import Sequence
from dataclasses import replace

from services.dialogue.llm.model import Message, ToolCall
from services.dialogue.policy import Said, State

_MOST = 60
"""Entries that are kept, the latest: some 25 turns of each side."""
_SPOKEN = frozenset({"caller", "agent"})


def added(state: State, *entries: Said) -> State:
    """Return the state with more said; the oldest entries are forgotten."""
    history = [*state.history, *(entry for entry in entries if entry.text or entry.role not in _SPOKEN)]
    if len(history) > _MOST:
        # What is left begins with words: a result without its call is none that a model understands.
        history = history[-_MOST:]
        while history and history[0].role not in _SPOKEN:
            history.pop(0)
    return replace(state, history=tuple(history))


def last_role(history: Sequence[Said]) -> str:
    """Return whose the last entry is; empty: there is none."""
    return history[-1].role if history else ""


def caller_said(state: State, text: str) -> State:
    """Return the state with the caller's words."""
    return added(state, Said("caller", text))


def agent_said(state: State, sentences: Sequence[str]) -> State:
    """Return the state with the agent's words: one entry a turn, or one on each side of a look-up."""
    return added(state, Said("agent", " ".join(sentences)))


def called(state: State, call: ToolCall) -> State:
    """Return the state with a tool call that waits for its result."""
    return added(state, Said("call", call.arguments or "{}", call.name, call.key or f"call_{len(state.history)}"))


def resulted(state: State, text: str) -> State:
    """Return the state with the result of the call that waited for it."""
    call = state.history[-1]
    return added(state, Said("result", text, call.name, call.key))


def heard_only(state: State, said: str, heard: str) -> State:
    """Return the state as it is when the caller heard only the beginning of the agent's last turn.

    What came behind the last word that was heard never was: neither words nor calls.

    Args:
        said: all that the turn was to say.
        heard: what of it was heard.
    """
    history, rest = list(state.history), heard
    place = _beginning(history, said)
    while place < len(history):
        entry = history[place]
        place += 1
        if entry.role != "agent":
            continue
        if rest.startswith(entry.text):
            rest = rest.removeprefix(entry.text).lstrip()
            continue
        kept = [replace(entry, text=rest)] if rest else []
        history[place - 1 :] = kept
        break
    while last_role(history) == "call":
        history.pop()
    return replace(state, history=tuple(history))


def _beginning(history: Sequence[Said], said: str) -> int:
    """Where the entries of a turn begin: those whose words together are what it was to say."""
    words = ""
    for place in range(len(history) - 1, -1, -1):
        if history[place].role == "caller":
            break
        if history[place].role == "agent":
            words = f"{history[place].text} {words}".strip()
            if words == said:
                return place
    last = [place for place, entry in enumerate(history) if entry.role == "agent"]
    return last[-1] if last and last_role(history) != "caller" else len(history)


def messages(state: State, system: str) -> list[Message]:
    """Return the chat. What one side says twice in a row is one message: many models want sides to alternate."""
    chat: list[Message] = [{"role": "system", "content": system}]
    for entry in state.history:
        message = _message(entry)
        last = chat[-1]
        if message["role"] == last["role"] and message["content"] and last["content"]:
            chat[-1] = {**last, "content": f"{last['content']} {message['content']}"}
        else:
            chat.append(message)
    return chat


def _message(entry: Said) -> Message:
    match entry.role:
        case "call":
            function = {"name": entry.name, "arguments": entry.text}
            call = {"id": entry.key, "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case "result":
            return {"role": "tool", "tool_call_id": entry.key, "content": entry.text}
        case "agent":
            return {"role": "assistant", "content": entry.text}
        case _:
            return {"role": "user", "content": entry.text}
