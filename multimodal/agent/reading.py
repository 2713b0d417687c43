"""A person as an agent reads them: where the state comes from and how it is told, in one, for the loop and the adapters."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from affectstream.multimodal.agent.prompt import Teller, put_in
from affectstream.multimodal.agent.state import AffectState

logger = logging.getLogger(__name__)
M = TypeVar("M")  # a message, of whatever type a framework has for it
R = TypeVar("R")


class Reading:
    """``read`` gives the state, or None where there is none (``feed.latest``, or ``session.state`` at a time of the caller's clock); ``teller`` words it.

    Whatever goes wrong costs the agent its block, never its turn; the log is told of the first time.
    """

    def __init__(self, read: Callable[[], AffectState | None], teller: Teller) -> None:
        self._read, self._teller = read, teller
        self._failed = False

    def block(self) -> str:
        """What there is to say of the person now; "" if nothing, or if they cannot be read."""
        return self._safely(lambda: self._teller.block(self._read()), "")

    def into(self, said: str) -> str:
        """What the user ``said``, with the block before it."""
        return self.put_in([said], lambda said: said, lambda _, told: told)[0]

    def put_in(self, messages: Sequence[M], theirs: Callable[[M], Any], give: Callable[[M, Any], M]) -> list[M]:
        """``messages`` anew, with the block in the latest user message (:func:`.prompt.put_in`); none given is changed.

        ``theirs`` gives the content of a message, a str or a list of parts, if it is the user's, else None; ``give`` a copy
        of a message with another content. In the user's earlier messages nothing reads as a block either, whoever wrote it.
        """

        def told() -> list[M]:
            out, block = list(messages), self.block()
            for k in reversed(range(len(out))):
                content = theirs(out[k])
                if content is not None:
                    turn = put_in([{"role": "user", "content": content}], block, tag=self._teller.tag)[0]["content"]
                    out[k], block = out[k] if turn == content else give(out[k], turn), ""
            return out

        return self._safely(told, list(messages))

    def _safely(self, tell: Callable[[], R], otherwise: R) -> R:
        try:
            return tell()
        except Exception as error:
            if not self._failed:
                logger.warning("the state cannot be told, so the agent goes on without it", exc_info=error)
            self._failed = True
            return otherwise
