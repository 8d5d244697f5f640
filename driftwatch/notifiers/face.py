"""The sign and the words that a message carries at every receiver."""

from driftwatch.domain.notification import Message
from driftwatch.domain.signal import Severity

__all__ = ["SUMMARY", "link_word", "sign_of", "status_word"]

SUMMARY = "summary"
"""The reason of a message that asks for nothing: it tells of a week."""


def sign_of(message: Message) -> str:
    """The shape that stands for how bad it is."""
    if message.reason == SUMMARY:
        return "≡"
    if message.reason == "resolved":
        return "✓"
    return "▲" if message.severity is Severity.CRITICAL else "◆"


def status_word(message: Message) -> str:
    """How bad it is, in a word."""
    if message.reason == SUMMARY:
        return "Summary"
    return "Resolved" if message.reason == "resolved" else message.severity.value.capitalize()


def link_word(message: Message) -> str:
    """What the link to the page is called."""
    return "Open the dashboard" if message.reason == SUMMARY else "Open the incident"
