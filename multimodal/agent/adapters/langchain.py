"""LangChain and LangGraph: a step before the model, and the same as a middleware of agents."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentMiddleware  # pyright: ignore[reportMissingImports]
    from langchain_core.messages import AnyMessage
    from langchain_core.runnables import Runnable


def affect_step(
    read: Callable[[], AffectState | None], teller: Teller
) -> "Runnable[list[AnyMessage], list[AnyMessage]]":
    """A Runnable to put before a chat model, ``affect_step(read, teller) | model``, alone or in a node of a graph.

    The messages come out with the block in the latest of the user's; those that came in, which a graph keeps, are not changed.
    """
    from langchain_core.runnables import RunnableLambda

    reading = Reading(read, teller)

    def tell_affect(messages: "list[AnyMessage]") -> "list[AnyMessage]":
        return reading.put_in(messages, _theirs, _give)

    return RunnableLambda(tell_affect)


def affect_middleware(read: Callable[[], AffectState | None], teller: Teller) -> "AgentMiddleware":
    """The same for ``langchain.agents.create_agent(..., middleware=[...])``."""
    from langchain.agents.middleware import AgentMiddleware  # pyright: ignore[reportMissingImports]

    reading = Reading(read, teller)

    class AffectMiddleware(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
            return handler(request.override(messages=reading.put_in(request.messages, _theirs, _give)))

        async def awrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
            return await self.wrap_model_call(request, handler)

    return AffectMiddleware()


def _theirs(message: "AnyMessage") -> Any:
    return message.content if message.type == "human" else None


def _give(message: "AnyMessage", content: Any) -> "AnyMessage":
    return message.model_copy(update={"content": content})
