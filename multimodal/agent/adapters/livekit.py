"""LiveKit Agents: a step before an agent's model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState

if TYPE_CHECKING:
    from livekit.agents import ChatContext


def affect_step(read: Callable[[], AffectState | None], teller: Teller) -> "Callable[[ChatContext], ChatContext]":
    """A function for your agent's ``llm_node``: a copy of the context with the block in the latest user message.

    Not for ``on_user_turn_completed``: a new message that is changed there stays so in the agent's history, an answer
    that was begun early is thrown away, and typed turns do not come by.
    """
    reading = Reading(read, teller)

    def step(context: "ChatContext") -> "ChatContext":
        told = context.copy()
        told.items = reading.put_in(told.items, _theirs, _give)
        return told

    return step


def _theirs(item: Any) -> list[Any] | None:
    if item.type != "message" or item.role != "user":
        return None
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in item.content]


def _give(item: Any, content: list[Any]) -> Any:
    return item.model_copy(update={"content": [p["text"] if isinstance(p, dict) else p for p in content]})
