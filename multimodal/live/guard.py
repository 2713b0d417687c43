"""Who may talk to the server, and how much: this computer only, or with a token; pages of ours only; not too fast."""

import hmac
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class Refused(Exception):  # it is said to whoever is refused
    """Why somebody is refused, in a sentence."""


@dataclass(frozen=True)
class Guard:
    """``host`` is the address that is listened at; ``token`` what a caller must know, "" only on this computer itself."""

    host: str
    token: str = ""

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ValueError(f"host is {self.host} without a token; wanted one, or 127.0.0.1")

    def check(self, headers: Mapping[str, str], token: str) -> None:
        """Raise Refused unless the ``token`` is right and the call comes from a page of ours, or from no page.

        A page elsewhere could otherwise listen in through the browser of whoever opens it: browsers send where a page is
        from as Origin. And a name elsewhere that was pointed at this computer is no name of ours (DNS rebinding).
        """
        if self.token and not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Refused(
                "wrong or missing token; open the address that was printed, or send it as Authorization: Bearer"
            )
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if not self.token and not is_loopback(name):
            raise Refused(f"asked for as {name or 'nobody'}; wanted localhost or 127.0.0.1")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(f"asked for by a page of {origin}; wanted one of http://{host}")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this computer itself, seen from itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The token that a call brings: as ``Authorization: Bearer``, or in its address, as ``token``.

    >>> token_of({"authorization": "Bearer secret"}, {}), token_of({}, {"token": "secret"}), token_of({}, {})
    ('secret', 'secret', '')
    """
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else query.get("token", "")


class Allowance:
    """``rate`` a second in the long run, and up to ``burst`` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def take(self, amount: float = 1.0) -> bool:
        """Take ``amount``; False if that is more than is left."""
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._at) * self.rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
