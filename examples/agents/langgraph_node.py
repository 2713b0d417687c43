"""A LangGraph agent that is told how its user comes across, on a scripted chat model, offline.

pip install langgraph && python examples/agents/langgraph_node.py
"""

from collections.abc import Callable
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from scripted import ANSWERS, SAID, SYSTEM, Given, show, upset

from affectstream.multimodal.agent.adapters.langchain import affect_step
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState


class ScriptedChatModel(GenericFakeChatModel):
    """Answers from a script and keeps what it was given."""

    calls: list[Given] = []  # noqa: RUF012 (pydantic copies it for each model)

    def _generate(self, messages: list[BaseMessage], *args: Any, **settings: Any) -> Any:
        roles = {"human": "user", "ai": "assistant"}
        self.calls.append(Given(messages[0].text, [(roles[m.type], m.text) for m in messages[1:]]))
        return super()._generate(messages, *args, **settings)


def talk(read: Callable[[], AffectState | None]) -> list[Given]:
    """Two turns of one thread; returns what the model was given in each."""
    model = ScriptedChatModel(messages=iter([AIMessage(answer) for answer in ANSWERS]))
    told = affect_step(read, Teller()) | model

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [told.invoke([SystemMessage(SYSTEM), *state["messages"]])]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer")
    agent = graph.compile(checkpointer=InMemorySaver())
    for said in SAID:
        agent.invoke({"messages": [HumanMessage(said)]}, {"configurable": {"thread_id": "customer"}})
    return model.calls


if __name__ == "__main__":
    show(talk(upset))
