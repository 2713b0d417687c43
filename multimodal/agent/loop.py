"""The smallest agent there is: a model that is any function of messages, and a person who is heard while they talk."""

from collections.abc import Callable

from affectstream.multimodal.agent.prompt import Message, Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState


class Conversation:
    """A conversation of a person with ``llm``, which is given the messages and returns its answer.

    >>> talk = Conversation(lambda messages: f"You said: {messages[-1]['content']}", hear=lambda said: None)
    >>> talk.say("hello")
    'You said: hello'
    >>> [message["role"] for message in talk.messages]
    ['user', 'assistant']

    ``hear`` is told what the person says and gives their state, or None. Its block goes into the last message that
    ``llm`` is given and nowhere else: ``messages`` keeps what was said and answered. ``system`` is the system prompt, if any.
    """

    def __init__(
        self,
        llm: Callable[[list[Message]], str],
        hear: Callable[[str], AffectState | None],
        *,
        teller: Teller | None = None,
        system: str = "",
    ) -> None:
        self._llm, self._said = llm, ""
        self._reading = Reading(lambda: hear(self._said), teller or Teller())
        self.messages: list[Message] = [{"role": "system", "content": system}] if system else []

    def say(self, said: str) -> str:
        """The answer to what the person ``said``. What ``llm`` raises is passed on, and then nothing was said."""
        self._said = said
        turn: list[Message] = [*self.messages, {"role": "user", "content": said}]
        answer = self._llm(self._reading.put_in(turn, _theirs, _give))
        self.messages = [*turn, {"role": "assistant", "content": answer}]
        return answer


def _theirs(message: Message) -> str | None:
    return message["content"] if message["role"] == "user" else None


def _give(message: Message, content: str) -> Message:
    return {**message, "content": content}
