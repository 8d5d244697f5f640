"""Slack's Web API on this machine: the two methods that a bot needs, as strict as Slack is."""

import json
import re
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["CHANNEL", "TOKEN", "SlackApi"]

TOKEN = "xoxb-1234567890-secret-part"
CHANNEL = "C0123456789"

_LONGEST = {"header": 150, "section": 3000}


class SlackApi:
    """A workspace with one channel, and one bot in it.

    Attributes:
        posts: what stands in the channel, by time stamp; what was changed as it is now.
        calls: the methods in the order in which they were called.
        answers: what to answer the next calls, each (status, headers, body), in place of doing them; None does it.
    """

    def __init__(self) -> None:
        self.posts: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.answers: deque[tuple[int, dict[str, str], dict[str, Any] | bytes] | None] = deque()
        self.members = {CHANNEL}
        self.tokens = {TOKEN}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                method = self.path.removeprefix("/api/")
                api.calls.append(method)
                scripted = api.answers.popleft() if api.answers else None
                status, headers, answer = scripted or (200, {}, api.do(method, dict(self.headers), body))
                sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(sent)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/api"

    def refuse(self, error: str) -> None:
        """Answer the next call with one of Slack's errors."""
        self.answers.append((200, {}, {"ok": False, "error": error}))

    def do(self, method: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        """What Slack does, or says."""
        arguments = json.loads(body)
        error = self._refusal(method, headers, arguments)
        if error:
            return {"ok": False, "error": error}
        stamp = arguments.get("ts") or f"17000000{len(self.posts):02}.000100"
        self.posts[stamp] = {**self.posts.get(stamp, {}), **arguments}
        return {"ok": True, "channel": arguments["channel"], "ts": stamp, "message": self.posts[stamp]}

    def _refusal(self, method: str, headers: dict[str, str], arguments: dict[str, Any]) -> str:
        channel, thread = arguments["channel"], arguments.get("thread_ts")
        refusals = {
            "unknown_method": method not in {"chat.postMessage", "chat.update"},
            "missing_charset": headers.get("Content-Type") != "application/json; charset=utf-8",
            "invalid_auth": headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens,
            "channel_not_found": channel != CHANNEL,
            "not_in_channel": channel not in self.members,
            "message_not_found": method == "chat.update" and arguments["ts"] not in self.posts,
            "thread_not_found": thread is not None and "thread_ts" in self.posts.get(thread, {"thread_ts": ""}),
        }
        return next((error for error, holds in refusals.items() if holds), "") or self._wrong_content(arguments)

    @staticmethod
    def _wrong_content(arguments: dict[str, Any]) -> str:
        if not arguments.get("text"):
            return "no_text"
        metadata = arguments.get("metadata", {"event_type": "x", "event_payload": {}})
        if not re.fullmatch(r"\w+", metadata["event_type"]) or not isinstance(metadata["event_payload"], dict):
            return "invalid_metadata_format"
        blocks = arguments["blocks"]
        if not 1 <= len(blocks) <= 50 or sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks) > 13_000:
            return "msg_blocks_too_long"
        for block in blocks:
            texts = block["elements"] if block["type"] == "context" else [block["text"]]
            if len(texts) > 10 or any(
                not 1 <= len(text["text"]) <= _LONGEST.get(block["type"], 2000)
                or text["type"] != ("plain_text" if block["type"] == "header" else "mrkdwn")
                for text in texts
            ):
                return "invalid_blocks"
        return ""

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
