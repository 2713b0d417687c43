"""OpenAI Agents SDK: a filter of what the model is given."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState

if TYPE_CHECKING:
    from agents.run_config import CallModelData, CallModelInputFilter, ModelInputData


def affect_filter(read: Callable[[], AffectState | None], teller: Teller) -> "CallModelInputFilter":
    """For ``RunConfig(call_model_input_filter=...)``: the block goes into the latest user message.

    Every call of the model is told anew, those after a tool's answer too. Sessions and results keep what was said,
    without the block; a conversation that OpenAI's server keeps (``conversation_id``) keeps what it was sent.
    """
    reading = Reading(read, teller)

    def filtered(data: "CallModelData[Any]") -> "ModelInputData":
        items: list[Any] = data.model_data.input
        return replace(data.model_data, input=reading.put_in(items, _theirs, _give))

    return filtered


def _theirs(item: Any) -> Any:
    return item["content"] if item.get("role") == "user" else None


def _give(item: Any, content: Any) -> Any:
    return {**item, "content": content}
