"""An agent of the Claude Agent SDK that is told how its user comes across; Claude Code runs, its model is scripted, offline.

    pip install claude-agent-sdk && python examples/agents/claude_agent_prompt.py

In place of the Messages API there is a little server on this computer, to which Claude Code is pointed.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, create_sdk_mcp_server
from scripted import ANSWERS, SAID, SYSTEM, Given, show, upset

from affectstream.multimodal.agent.adapters.claude_agent import affect_prompt, affect_tool
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState


def given(request: dict[str, Any]) -> Given:
    """What a request gives the model, without what Claude Code adds of its own."""

    def text_of(content: Any) -> str:
        parts = [content] if isinstance(content, str) else [part["text"] for part in content]
        return "\n".join(part for part in parts if not part.startswith(("<system-reminder>", "# Environment")))

    system = [part["text"] for part in request["system"] if part["text"] == SYSTEM]
    said = [(message["role"], text_of(message["content"])) for message in request["messages"]]
    return Given("\n".join(system), [(role, text) for role, text in said if text])


def events(request: dict[str, Any], answer: str) -> Iterator[dict[str, Any]]:
    """``answer`` as the Messages API streams it."""
    empty = {"id": "msg", "type": "message", "role": "assistant", "model": request["model"], "content": []}
    yield {"type": "message_start", "message": empty | {"usage": {"input_tokens": 1, "output_tokens": 1}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": answer}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


@contextmanager
def scripted_api() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A Messages API that answers from the script: its address, and the requests it gets."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for event in events(requests[-1], ANSWERS[(len(requests) - 1) % 2]):
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


async def run(options: ClaudeAgentOptions, told: Callable[[str], str]) -> list[dict[str, Any]]:
    """Claude Code with ``options``, and two turns as they are ``told``; returns the requests that it made of the model."""
    with scripted_api() as (address, requests), TemporaryDirectory() as folder:
        options.env |= {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "scripted", "CLAUDE_CONFIG_DIR": folder}
        options.env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        options.cwd, options.setting_sources, options.tools = folder, [], []
        async with ClaudeSDKClient(options) as client:
            for said in SAID:
                await client.query(told(said))
                async for _ in client.receive_response():
                    pass
        return requests


async def talk(read: Callable[[], AffectState | None]) -> list[Given]:
    """Two turns of one client; returns what the model was given in each."""
    told = affect_prompt(read, Teller())
    server = create_sdk_mcp_server("person", tools=[affect_tool(read, Teller())])
    options = ClaudeAgentOptions(system_prompt=SYSTEM, mcp_servers={"person": server})
    return [given(request) for request in await run(options, told)]


if __name__ == "__main__":
    show(asyncio.run(talk(upset)))
