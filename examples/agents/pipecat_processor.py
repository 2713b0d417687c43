"""A Pipecat pipeline whose model is told how the user comes across, scripted and offline.

pip install pipecat-ai && python examples/agents/pipecat_processor.py
"""

import asyncio
from collections.abc import Callable
from typing import Any

from loguru import logger  # pyright: ignore[reportMissingImports]
from pipecat.frames.frames import (  # pyright: ignore[reportMissingImports]
    EndFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # pyright: ignore[reportMissingImports]
from pipecat.pipeline.worker import PipelineWorker  # pyright: ignore[reportMissingImports]
from pipecat.processors.aggregators.llm_context import LLMContext  # pyright: ignore[reportMissingImports]
from pipecat.processors.aggregators.llm_response_universal import (  # pyright: ignore[reportMissingImports]
    LLMContextAggregatorPair,
)
from pipecat.processors.frame_processor import FrameDirection  # pyright: ignore[reportMissingImports]
from pipecat.services.llm_service import LLMService  # pyright: ignore[reportMissingImports]
from pipecat.workers.runner import WorkerRunner  # pyright: ignore[reportMissingImports]
from scripted import ANSWERS, SAID, SYSTEM, Given, show, upset

from affectstream.multimodal.agent.adapters.pipecat import affect_processor
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState


class ScriptedLLM(LLMService):
    """Answers from a script and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Given] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        messages: list[Any] = list(frame.context.messages)
        said = [(message["role"], message["content"]) for message in messages]
        self.calls.append(Given(said[0][1], said[1:]))
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(ANSWERS[len(self.calls) - 1]))
        await self.push_frame(LLMFullResponseEndFrame())


async def talk(read: Callable[[], AffectState | None]) -> list[Given]:
    """Two typed turns of one pipeline; returns what the model was given in each."""
    model, turns = ScriptedLLM(), iter(SAID)
    user, assistant = LLMContextAggregatorPair(LLMContext([{"role": "system", "content": SYSTEM}]))
    pipeline = Pipeline([user, affect_processor(read, Teller()), model, assistant])
    worker = PipelineWorker(pipeline, cancel_on_idle_timeout=False, enable_rtvi=False)

    @worker.event_handler("on_pipeline_started")
    @assistant.event_handler("on_assistant_turn_stopped")
    async def go_on(*_: object) -> None:
        said = next(turns, None)
        turn: list[Any] = [{"role": "user", "content": said}]
        await worker.queue_frame(EndFrame() if said is None else LLMMessagesAppendFrame(turn, run_llm=True))

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()
    return model.calls


if __name__ == "__main__":
    logger.disable("pipecat")
    show(asyncio.run(talk(upset)))
