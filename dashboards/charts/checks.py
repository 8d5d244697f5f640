"""Checks through time: a row a check, a cell a stretch of windows, as bad as its worst window."""

from collections.abc import Sequence

import altair as alt

from dashboards.charts.token import Row, layered, rows, show, time_x, token, token_field
from driftwatch.queries import format as fmt
from driftwatch.queries.check_line import CheckLine
from driftwatch.queries.status import Status

__all__ = ["draw_checks"]

MOST_ROWS = 20
_STEPS = {
    None: "paper",
    Status.HEALTHY: "heat_calm",
    Status.WATCH: "heat_near",
    Status.WARNING: "heat_warn",
    Status.CRITICAL: "heat_crit",
}
_LABEL = 34
_NARROW = "width > 440"


def draw_checks(checks: Sequence[CheckLine], *, domain: tuple[int, int], now: int, key: str) -> None:
    """The heat map of at most twenty checks, worst first.

    Args:
        checks: worst first.
        domain: first and last instant, microseconds.
        now: the reader's instant.
        key: stable name of the element.
    """
    shown = checks[:MOST_ROWS]
    names = _names(shown)
    data: list[Row] = [
        {
            "t": cell.start // 1000,
            "t2": cell.end // 1000,
            "middle": (cell.start + cell.end) // 2000,
            "check": name,
            "step": _STEPS.get(cell.status, "paper"),
            "sign": "" if cell.status is Status.HEALTHY else "○" if cell.status is None else cell.status.sign,
            "when": fmt.window(cell.start, cell.end, now),
            "state": "not run" if cell.status is None else cell.status.label,
            "rows": f"{fmt.count(cell.n_violated)} of {fmt.count(cell.n)}",
            "said": cell.said,
        }
        for name, check in zip(names, shown, strict=True)
        for cell in check.cells
    ]
    y = alt.Y("check:N", sort=names, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=230))
    cells = alt.Chart(rows(data)).mark_rect(cornerRadius=2, clip=True)
    signs = alt.Chart(rows([row for row in data if row["sign"]])).mark_text(fontSize=12, clip=True)
    x = time_x(domain)
    middle = x.copy()
    middle.shorthand = "middle:T"
    show(
        layered(
            cells.encode(x=x, x2="t2:T", y=y, color=token_field("step"), tooltip=_tooltip()),
            signs.encode(
                x=middle,
                y=y,
                text="sign:N",
                color=token("ink"),
                opacity=alt.condition(_NARROW, alt.value(1), alt.value(0)),
            ),
        ).properties(height=alt.Step(28)),
        finding=_in_words(checks),
        key=key,
    )


def _names(checks: Sequence[CheckLine]) -> list[str]:
    """A label a check, no two alike."""
    names: list[str] = []
    for check in checks:
        whole = f"{check.column}: {check.check}" if check.column else check.check
        name = whole if len(whole) <= _LABEL else f"{whole[: _LABEL - 1]}…"
        twins = sum(1 for each in names if each.startswith(name))
        names.append(f"{name} ({twins + 1})" if twins else name)
    return names


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("check:N", title="check"),
        alt.Tooltip("when:N", title="windows"),
        alt.Tooltip("state:N", title="worst"),
        alt.Tooltip("rows:N", title="rows that break it"),
        alt.Tooltip("said:N", title="found"),
    ]


def _in_words(checks: Sequence[CheckLine]) -> str:
    broken = [check for check in checks if check.status is not None and check.status.firing]
    return f"{len(broken)} of {len(checks)} checks are broken in the newest window"
