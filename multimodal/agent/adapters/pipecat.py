"""Pipecat: a processor before the model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState

if TYPE_CHECKING:
    from pipecat.processors.frame_processor import FrameProcessor  # pyright: ignore[reportMissingImports]


def affect_processor(read: Callable[[], AffectState | None], teller: Teller) -> "FrameProcessor":
    """A FrameProcessor to put right before the model, which is given the context with the block in the latest user message.

    What passes is a copy: the context that the aggregators keep is not changed.
    """
    from pipecat.frames.frames import Frame, LLMContextFrame  # pyright: ignore[reportMissingImports]
    from pipecat.processors.aggregators.llm_context import LLMContext  # pyright: ignore[reportMissingImports]
    from pipecat.processors.frame_processor import (  # pyright: ignore[reportMissingImports]
        FrameDirection,
        FrameProcessor,
    )

    reading = Reading(read, teller)

    class AffectProcessor(FrameProcessor):
        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, LLMContextFrame) and direction == FrameDirection.DOWNSTREAM:
                kept = frame.context
                told = LLMContext(reading.put_in(kept.messages, _theirs, _give), kept.tools, kept.tool_choice)
                frame = LLMContextFrame(told, speculation=frame.speculation)
            await self.push_frame(frame, direction)

    return AffectProcessor()


def _theirs(message: Any) -> Any:
    return message["content"] if isinstance(message, dict) and message["role"] == "user" else None


def _give(message: Any, content: Any) -> Any:
    return {**message, "content": content}
