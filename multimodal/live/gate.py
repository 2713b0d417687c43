"""What every call to the server goes through: the guard, before anything of it is read, and the headers of every answer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.datastructures import Headers, QueryParams
from fastapi.responses import PlainTextResponse

from affectstream.multimodal.live.guard import Guard, Refused, token_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "worker-src 'self' blob:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
OURS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Gate:
    """ASGI middleware that lets through to ``app`` whom ``guard`` lets in; others are told why not."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]], guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                theirs = [header for header in message["headers"] if header[0].lower() not in dict(OURS)]
                message["headers"] = theirs + OURS
            await send(message)

        headers = Headers(raw=scope["headers"])
        try:
            if not scope["path"].startswith("/static/"):  # which is the same for everybody
                self.guard.check(headers, token_of(headers, QueryParams(scope["query_string"])))
        except Refused as reason:
            if scope["type"] == "http":
                await PlainTextResponse(f"{reason}\n", status_code=403)(scope, receive, answer)
            else:  # only what is open can be told a reason
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": 1008, "reason": str(reason)[:120]})
            return
        await self.app(scope, receive, answer)
