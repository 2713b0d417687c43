"""Claude Agent SDK: a prompt, a hook and a tool."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.reading import Reading
from affectstream.multimodal.agent.state import AffectState

if TYPE_CHECKING:
    from claude_agent_sdk import HookCallback, HookContext, HookInput, SdkMcpTool
    from claude_agent_sdk.types import SyncHookJSONOutput


def affect_prompt(read: Callable[[], AffectState | None], teller: Teller) -> Callable[[str], str]:
    """A function for ``client.query(...)``: what the user says, with the block in the same message."""
    return Reading(read, teller).into


def affect_hook(read: Callable[[], AffectState | None], teller: Teller) -> "HookCallback":
    """A ``UserPromptSubmit`` hook, for where the prompts are not yours to write.

    Where its words go is the business of Claude Code: for some models it puts them into the user's message, for others
    into a message of the role "system" right behind it (2.1.332); not into the system prompt.
    """
    reading = Reading(read, teller)

    async def hook(event: "HookInput", tool_use_id: str | None, context: "HookContext") -> "SyncHookJSONOutput":
        block = reading.block()
        if not block:
            return {}
        return {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": block}}

    return hook


def affect_tool(read: Callable[[], AffectState | None], teller: Teller) -> "SdkMcpTool[Any]":
    """A tool for ``create_sdk_mcp_server``, with which the model asks by itself how the user comes across."""
    from claude_agent_sdk import ToolAnnotations, tool

    reading = Reading(read, teller)
    about = "How the user comes across right now, in words: an estimate that may be wrong, or nothing."

    @tool("affect", about, {}, annotations=ToolAnnotations(readOnlyHint=True))
    async def affect(arguments: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": reading.block() or "Nothing can be said of the user now."}]}

    return affect
