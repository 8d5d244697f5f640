"""The words of an email: a subject, plain text, and HTML in one narrow column without images."""

from collections.abc import Sequence
from html import escape
from math import isfinite

from driftwatch.domain.notification import Evidence, Message
from driftwatch.domain.signal import Severity
from driftwatch.notifiers.face import SUMMARY, link_word, sign_of, status_word
from driftwatch.notifiers.sparkline import sparkline
from driftwatch.notifiers.table import row_line

__all__ = ["html_letter", "subject_line", "text_letter"]

_LONGEST_SUBJECT = 140
_CHART_BARS = 24
_CHART_HEIGHT = 24

_INK, _MUTED, _BORDER, _CURRENT = "#1B1F24", "#59636E", "#DDE2E8", "#1F6FD6"
_COLOURS = {Severity.CRITICAL: ("#9F1239", "#FDECEF"), Severity.WARNING: ("#8A4B00", "#FEF3E0")}
_CALM = ("#59636E", "#EEF1F4")


def subject_line(message: Message) -> str:
    """``[Warning] ...``, one line."""
    text = " ".join(f"[{status_word(message)}] {message.title}".split())
    return text if len(text) <= _LONGEST_SUBJECT else text[: _LONGEST_SUBJECT - 1] + "…"


def text_letter(message: Message) -> str:
    """The plain text part: what, proof, what next, where."""
    parts = [message.summary]
    parts += [_evidence_text(evidence) for evidence in message.evidence]
    if message.table:
        parts.append("\n".join(row_line(row) for row in message.table[1:]))
    if message.n_more:
        parts.append(f"and {message.n_more} more on the page")
    if message.next_action:
        parts.append(f"Next: {message.next_action}")
    if message.link:
        parts.append(message.link)
    facts = [fact for fact in (message.window, message.reference, message.dedup_key) if fact]
    return "\n\n".join([*parts, "-- \n" + "\n".join(facts)]) + "\n"


def html_letter(message: Message) -> str:
    """The HTML part: inline styles only, no image, no script, one column of at most 600 px."""
    ink, tint = (
        _CALM if message.reason in {"resolved", SUMMARY} else _COLOURS.get(message.severity, _COLOURS[Severity.WARNING])
    )
    rows = "".join(_evidence_html(evidence) for evidence in message.evidence) + _table_html(message.table)
    if message.n_more:
        rows += f'<p style="margin:12px 0 0;color:{_MUTED}">and {message.n_more} more on the page</p>'
    action = f'<p style="margin:16px 0 0"><b>Next:</b> {escape(message.next_action)}</p>' if message.next_action else ""
    link = (
        f'<p style="margin:16px 0 0"><a href="{escape(message.link)}" style="color:#1F5FBF;font-weight:600">'
        f"{link_word(message)}</a></p>"
        if message.link
        else ""
    )
    facts = "<br>".join(escape(fact) for fact in (message.window, message.reference, message.dedup_key) if fact)
    return f"""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(message.title)}</title></head>
<body style="margin:0;padding:0;background:#FFFFFF">
<div style="max-width:600px;margin:0 auto;padding:16px;overflow-wrap:anywhere;\
font:15px/1.45 'Segoe UI',Helvetica,Arial,sans-serif;color:{_INK}">
<p style="margin:0 0 8px"><span style="background:{tint};color:{ink};padding:2px 8px;border-radius:6px;\
font-weight:600">{sign_of(message)} {status_word(message)}</span></p>
<h1 style="margin:0 0 8px;font-size:20px;line-height:1.3">{escape(message.title)}</h1>
<p style="margin:0">{escape(message.summary)}</p>
{rows}{action}{link}
<p style="margin:20px 0 0;padding-top:10px;border-top:1px solid {_BORDER};color:{_MUTED};font-size:13px">{facts}</p>
</div></body></html>
"""


def _count(evidence: Evidence) -> str:
    text = f"n {evidence.n:,}"
    return text if evidence.n_reference is None else f"{text}, reference {evidence.n_reference:,}"


def _evidence_text(evidence: Evidence) -> str:
    lines = [evidence.column, f"  {evidence.effect}"]
    if evidence.change:
        lines.append(f"  {evidence.change}")
    lines.append(f"  {_count(evidence)}")
    chart = sparkline(evidence.trend, width=_CHART_BARS)
    return "\n".join([*lines, f"  {chart}"] if chart.strip() else lines)


def _evidence_html(evidence: Evidence) -> str:
    change = f"<br>{escape(evidence.change)}" if evidence.change else ""
    return (
        f'<div style="margin:12px 0 0;padding:10px 12px;border:1px solid {_BORDER};border-radius:6px">'
        f"<b>{escape(evidence.column)}</b> &nbsp;{escape(evidence.effect)}{change}"
        f'<br><span style="color:{_MUTED};font-size:13px">{_count(evidence)}</span>{_chart(evidence)}</div>'
    )


def _table_html(table: Sequence[Sequence[str]]) -> str:
    """A table of text, a head and its rows; long cells wrap."""
    if not table:
        return ""
    cell = (
        f"padding:4px 8px 4px 0;border-bottom:1px solid {_BORDER};vertical-align:top;text-align:left;"
        "overflow-wrap:break-word"
    )
    head = "".join(
        f'<th scope="col" style="{cell};color:{_MUTED};font-weight:600">{escape(each)}</th>' for each in table[0]
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{escape(each)}</td>' for each in row) + "</tr>" for row in table[1:]
    )
    style = "margin:12px 0 0;border-collapse:collapse;width:100%;font-size:13px"
    return f'<table cellspacing="0" cellpadding="0" style="{style}"><tr>{head}</tr>{body}</table>'


def _chart(evidence: Evidence) -> str:
    """Bars as table cells: they survive blocked images and need no renderer."""
    values = [value if isfinite(value) else 0.0 for value in evidence.trend[-_CHART_BARS:]]
    top = max(values, default=0.0)
    if top <= 0:
        return ""
    cells = "".join(
        f'<td style="vertical-align:bottom;padding:0 1px 0 0"><div style="width:6px;font-size:0;line-height:0;'
        f'height:{max(1, round(max(0.0, value) / top * _CHART_HEIGHT))}px;background:{_CURRENT}">&nbsp;</div></td>'
        for value in values
    )
    return (
        '<table role="img" aria-label="size of the effect in the last windows" cellspacing="0" cellpadding="0" '
        f'style="margin:8px 0 0;border-collapse:collapse"><tr style="height:{_CHART_HEIGHT}px">{cells}</tr></table>'
    )
