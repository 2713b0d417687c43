from typing import Any

import pytest

from affectstream.multimodal.agent.loop import Conversation
from affectstream.multimodal.agent.prompt import Message, Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState, Tracker


def test_what_is_heard_is_what_is_said_and_history_is_what_was_said() -> None:
    heard: list[str] = []
    talk = Conversation(lambda messages: str(len(messages)), hear=heard.append, system="Be brief.")
    assert [talk.say("one"), talk.say("two")] == ["2", "4"] and heard == ["one", "two"]
    assert [m["content"] for m in talk.messages] == ["Be brief.", "one", "2", "two", "4"]


def test_a_model_that_fails_leaves_the_conversation_as_it_was() -> None:
    def fails(messages: list[Message]) -> str:
        raise TimeoutError("no answer")

    talk = Conversation(fails, hear=lambda said: None)
    with pytest.raises(TimeoutError):
        talk.say("hello")
    assert talk.messages == []


def state() -> AffectState:
    return Tracker().state(1.0)


class Curt(Teller):
    """Says always the same, for which no state has to be found."""

    def block(self, state: AffectState | None) -> str:
        return '<user_affect note="estimate, may be wrong">Seems tired.</user_affect>'


def test_only_the_latest_message_of_the_user_is_told() -> None:
    messages: list[Any] = [("user", "a"), ("agent", "b"), ("user", "c"), ("tool", "d")]
    before = list(messages)
    told = Reading(state, Curt()).put_in(
        messages, lambda m: m[1] if m[0] == "user" else None, lambda m, content: (m[0], content)
    )
    assert [k for k in range(4) if told[k] is not messages[k]] == [2] and messages == before
    assert told[2] == ("user", f"{Curt().block(None)}\n\nc")


@pytest.mark.parametrize("messages", [[], [("agent", "b")]])
def test_where_the_user_has_said_nothing_nothing_is_told(messages: list[Any]) -> None:
    told = Reading(state, Curt()).put_in(messages, lambda m: m[1] if m[0] == "user" else None, lambda m, _: m)
    assert told == messages


def test_content_of_a_kind_that_nobody_knows_costs_the_block_and_not_the_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading, messages = Reading(state, Curt()), [{"content": 3}]
    for _ in range(3):
        assert reading.put_in(messages, lambda m: m["content"], lambda m, content: {"content": content}) == messages
    assert len(caplog.records) == 1
