"""The feed of a server elsewhere on this computer, followed, so that what reads a feed here reads that one."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.types import SignalError

AGAIN = 2.0  # s until a server that went is looked for again
PATIENCE = 40.0  # s without a line, heartbeats among them, after which it is gone
LONGEST = 200_000  # bytes of a line
PAST = 600  # s whose states are asked for at first


class Follower:
    """Follows the server at ``address``, such as http://127.0.0.1:8765; its token, if it wants one, is ``token``.

    Raises ValueError for an address that is none, SignalError if nobody answers there.
    """

    def __init__(self, address: str, token: str = "") -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"address is {address!r}; wanted one such as http://127.0.0.1:8765")
        kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        self._connect = lambda: kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        self.address = f"{parts.scheme}://{parts.netloc}"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.source = str(self._ask("GET", "/state").get("source"))

    def follow(self, feed: Feed, over: threading.Event) -> None:
        """Put all that the server tells into ``feed`` until ``over`` is set; when it goes, look for it again."""
        last = ""
        while not over.is_set():
            connection = self._connect()
            try:
                path = "/stream" if last else f"/stream?seconds={PAST}"
                connection.request("GET", path, headers=self._headers | ({"Last-Event-ID": last} if last else {}))
                for name, told, data in _events(connection.getresponse()):
                    if over.is_set():
                        return
                    last = told or last
                    self._take(feed, name, data)
            except (OSError, http.client.HTTPException, ValidationError, ValueError, KeyError):
                pass  # it went, or is no server of ours any more
            finally:
                connection.close()
            over.wait(AGAIN)

    def hear_text(self, text: str, start: float, end: float) -> None:
        """The person said ``text`` from ``start`` to ``end`` s; returns when the server has heard it. Raises ValueError if it could not."""
        self._ask("POST", "/said", {"text": text, "start": start, "end": end})

    def _take(self, feed: Feed, name: str, data: str) -> None:
        if name == "session":
            page = json.loads(data)
            session = feed.look()[0]
            if (page["opened"], page["source"]) != session:  # else it is the one before the line broke
                feed.begin(page["opened"], page["source"])
        elif name == "state":
            feed.put(AffectState.model_validate_json(data))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = self._connect()
        try:
            headers = self._headers | {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read(LONGEST).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise SignalError(
                f"nobody answers at {self.address} ({error}); start `affectstream serve` or `live`"
            ) from error
        finally:
            connection.close()
        if answer.status == 403:
            raise SignalError(f"{self.address} turns us away: {text.strip()}")
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            wanted = "one of `affectstream serve` or `live`"
            raise SignalError(f"{self.address} is no server of affectstream; wanted {wanted}")
        if answer.status != 200:
            raise ValueError(str(told.get("detail")))
        return told


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str, str]]:
    """Server-Sent Events as (event, id, data), as https://html.spec.whatwg.org/multipage/server-sent-events.html says."""
    if answer.status != 200:
        raise ValueError(f"status {answer.status}")
    name, told, data = "", "", []
    while line := answer.readline(LONGEST + 1):
        if len(line) > LONGEST:
            raise ValueError("a line without an end")
        field, _, value = line.decode(errors="replace").rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            told = value
        elif field == "data":
            data.append(value)
        elif not field and not value and data:
            yield name, told, "\n".join(data)
            name, told, data = "", "", []
