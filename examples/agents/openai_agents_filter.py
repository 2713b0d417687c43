"""An agent of the OpenAI Agents SDK that is told how its user comes across, on a scripted model, offline.

pip install openai-agents && python examples/agents/openai_agents_filter.py
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, SQLiteSession, TResponseInputItem, Usage
from agents.items import TResponseStreamEvent
from openai.types.responses import ResponseOutputMessage, ResponseOutputText
from scripted import ANSWERS, SAID, SYSTEM, Given, show, upset

from affectstream.multimodal.agent.adapters.openai_agents import affect_filter
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState


class ScriptedModel(Model):
    """Answers from a script and keeps what it was given."""

    def __init__(self) -> None:
        self.calls: list[Given] = []

    async def get_response(
        self, system_instructions: str | None, input: str | list[TResponseInputItem], *args: Any, **settings: Any
    ) -> ModelResponse:
        items: list[Any] = [{"role": "user", "content": input}] if isinstance(input, str) else list(input)
        self.calls.append(Given(system_instructions or "", [(item["role"], text_of(item)) for item in items]))
        text = ResponseOutputText(text=ANSWERS[len(self.calls) - 1], type="output_text", annotations=[])
        answer = ResponseOutputMessage(
            id=f"msg_{len(self.calls)}", content=[text], role="assistant", status="completed", type="message"
        )
        return ModelResponse(output=[answer], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **settings: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError("the script is not streamed; use Runner.run")


def text_of(item: Any) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    content = item["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def talk(read: Callable[[], AffectState | None]) -> list[Given]:
    """Two turns of one session; returns what the model was given in each."""
    model, session = ScriptedModel(), SQLiteSession("customer")
    agent = Agent(name="parcels", instructions=SYSTEM, model=model)
    config = RunConfig(call_model_input_filter=affect_filter(read, Teller()), tracing_disabled=True)
    for said in SAID:
        await Runner.run(agent, said, run_config=config, session=session)
    return model.calls


if __name__ == "__main__":
    show(asyncio.run(talk(upset)))
