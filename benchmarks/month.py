"""A month of twenty models with fifty columns each and every default monitor: how many messages a receiver gets.

The models are those of ``benchmarks.whole_model`` with 35 numeric and 15 categorical columns, in which nothing drifts;
a reference of four weeks, then 30 days. Each log goes through ``driftwatch.backtest`` and every window through the
state machine; a message is a transition that notifies. The second table shifts one column of each of some models by a
standard deviation for a week of that month: it should be told in one message when it opens and one when it ends.

Run ``python -m benchmarks.month --models 20``.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.simulation import Scenario
from benchmarks.whole_model import START, draw, specification
from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import Transition, advance
from driftwatch.domain.instant import DAY
from driftwatch.monitors.baseline import WindowResult
from driftwatch.service.backtest import backtest

_DAYS = 30
CELLS = {
    "daily, 1,000 rows a day": Scenario("real", hourly=False, rows=1_000, monitored_days=_DAYS),
    "hourly, 100 rows an hour": Scenario("real", rows=100, monitored_days=_DAYS),
}
_SHIFTED = "x0"
_FROM, _UNTIL = 38, 45


def told(results: Sequence[WindowResult]) -> list[Transition]:
    """What readers are told of, in order."""
    book, found = IncidentBook(environment="production", model="whole"), []
    for each in results:
        window = JudgedWindow(each.window_start, each.window_end, each.window_end, each.findings, each.judged)
        book, transitions = advance(book, window)
        found += [transition for transition in transitions if transition.notify]
    return found


def shifted(log: pa.Table) -> pa.Table:
    """The log with one column moved by its standard deviation for a week."""
    at = pc.cast(log["ts"], pa.int64())
    hot = pc.and_(pc.greater_equal(at, START + _FROM * DAY), pc.less(at, START + _UNTIL * DAY))
    column = log[_SHIFTED]
    moved = pc.if_else(hot, pc.add(column, pc.stddev(column)), column)
    return log.set_column(log.column_names.index(_SHIFTED), _SHIFTED, moved)


def _print_calm(name: str, scenario: Scenario, seeds: Sequence[int]) -> None:
    started = time.perf_counter()
    counts, why = [], Counter[str]()
    for seed in seeds:
        messages = told(backtest(draw(scenario, seed), specification(scenario)).results)
        counts.append(len(messages))
        why.update(each.reason for each in messages)
    seconds = time.perf_counter() - started
    reasons = ", ".join(f"{reason} {n}" for reason, n in why.most_common()) or "none"
    each = " ".join(map(str, counts))
    print(f"| {name} | {len(counts)} | {sum(counts)} | {np.mean(counts):.2f} | {each} | {reasons} | {seconds:.0f} s |")


def _print_shift(name: str, scenario: Scenario, seeds: Sequence[int]) -> None:
    for seed in seeds:
        messages = told(backtest(shifted(draw(scenario, seed)), specification(scenario)).results)
        words = ", ".join(
            f"{each.reason} day {(each.at - START) / DAY:.1f} ({len(each.incident.columns)})" for each in messages
        )
        print(f"| {name} | {seed} | {len(messages)} | {words} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--shifted", type=int, default=5)
    parser.add_argument("--cell", choices=CELLS, action="append")
    arguments = parser.parse_args()
    cells = arguments.cell or list(CELLS)[:1]
    print("| cell | models | messages | a model | each | reasons | time |\n|---|---|---|---|---|---|---|")
    for name in cells:
        _print_calm(name, CELLS[name], range(1, arguments.models + 1))
    print("\n| cell | model | messages | of the shift, days 38 to 45 (columns of the incident) |\n|---|---|---|---|")
    for name in cells:
        _print_shift(name, CELLS[name], range(101, 101 + arguments.shifted))


if __name__ == "__main__":
    main()
