"""A LiveKit voice agent that is told how its user comes across, on a scripted model, offline and typed at.

pip install livekit-agents && python examples/agents/livekit_voice.py
"""

import asyncio
from collections.abc import Callable
from typing import Any

from livekit.agents import Agent, AgentSession, ChatContext
from livekit.agents.llm import LLM, ChatChunk, ChoiceDelta, LLMStream
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from scripted import ANSWERS, SAID, SYSTEM, Given, show, upset

from affectstream.multimodal.agent.adapters.livekit import affect_step
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState


class ScriptedLLM(LLM):
    """Answers from a script and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Given] = []

    def chat(self, *, chat_ctx: ChatContext, tools: Any = None, **settings: Any) -> LLMStream:
        said = [(message.role, message.text_content or "") for message in chat_ctx.messages()]
        system = [text for role, text in said if role == "system"]
        self.calls.append(Given("\n".join(system), [(str(role), text) for role, text in said if role != "system"]))
        return ScriptedStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=DEFAULT_API_CONNECT_OPTIONS)


class ScriptedStream(LLMStream):
    """One answer, in one piece."""

    async def _run(self) -> None:
        assert isinstance(self._llm, ScriptedLLM)
        answer = ANSWERS[len(self._llm.calls) - 1]
        self._event_ch.send_nowait(ChatChunk(id="scripted", delta=ChoiceDelta(role="assistant", content=answer)))


class ParcelAgent(Agent):
    """Your agent, with two lines more."""

    def __init__(self, read: Callable[[], AffectState | None]) -> None:
        super().__init__(instructions=SYSTEM)
        self.told = affect_step(read, Teller())

    def llm_node(self, chat_ctx: ChatContext, tools: Any, model_settings: Any) -> Any:
        return super().llm_node(self.told(chat_ctx), tools, model_settings)


async def talk(read: Callable[[], AffectState | None]) -> list[Given]:
    """Two typed turns of one session; returns what the model was given in each."""
    model = ScriptedLLM()
    async with AgentSession(llm=model) as session:
        await session.start(ParcelAgent(read))
        for said in SAID:
            await session.run(user_input=said)
    return model.calls


if __name__ == "__main__":
    show(asyncio.run(talk(upset)))
