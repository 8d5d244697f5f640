"""The demo's messages and findings, drawn in a terminal."""

from email.message import EmailMessage
from html import unescape
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from driftwatch.demo.run import DemoReport
from driftwatch.domain.instant import to_datetime

__all__ = ["show_report"]


def show_report(console: Console, report: DemoReport) -> None:
    """What drifted and since when, one message of each kind as it was received, and where to look next."""
    table = Table(title="What changed, largest effect first", title_justify="left", box=None, pad_edge=False)
    for heading in ("Column", "Effect", "Since", "Days"):
        table.add_column(heading, justify="right" if heading in {"Effect", "Days"} else "left")
    for found in report.drifted:
        since = to_datetime(found.first_at).strftime("%-d %b %Y")
        table.add_row(found.column, f"{found.effect:.2f}", since, str(found.windows))
    console.print()
    console.print(table)
    console.print(f"\nNo alarm: {', '.join(report.not_drifted) or '–'}\n")
    slack = [_slack_lines(body) for body in report.slack]
    shown = max(slack, key=_tells_of_a_beginning)
    title = f"Slack, 1 of {len(slack)} messages"
    console.print(Panel(escape("\n".join(shown)), title=title, title_align="left"))
    mail = max(report.email, key=lambda message: _tells_of_a_beginning([message["Subject"]]))
    title = f"Email, 1 of {len(report.email)} messages · {mail['Subject']}"
    console.print(Panel(escape(_plain_part(mail)), title=escape(title), title_align="left"))


def _tells_of_a_beginning(lines: list[str]) -> tuple[bool, int]:
    """Sorts the message that tells most about something that has begun to the end."""
    return not any(word in lines[0] for word in ("✓", "Resolved")), len(lines[0])


def _slack_lines(body: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for block in body.get("blocks", []):
        match block["type"]:
            case "header" | "section":
                parts = [block["text"]] if "text" in block else []
                lines += [part["text"] for part in (*parts, *block.get("fields", ()))]
            case "context":
                lines += [part["text"] for part in block["elements"] if "text" in part]
            case "actions":
                lines += [f"[ {part['text']['text']} ] {part.get('url', '')}" for part in block["elements"]]
            case "divider":
                lines.append("─" * 40)
    return [unescape(line) for line in lines or [str(body.get("text", ""))]]


def _plain_part(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return "" if body is None else body.get_content().strip()
