"""A store with one replayed model that is judged by the day: three warm days, and then back to normal."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from seeding import REPLAYED, flights, judge, log, register

from driftwatch.domain.instant import DAY, to_iso
from driftwatch.storage.store import Store

__all__ = ["DAYS", "REFERENCE_DAYS", "ROWS_A_DAY", "daily_url"]

DAYS = 46
REFERENCE_DAYS = 35
_WARM = range(38, 41)
_ROWS_AN_HOUR = 15
ROWS_A_DAY = len(flights(REPLAYED, rows=_ROWS_AN_HOUR, seed=3).at)


@cache
def daily_url() -> str:
    """The URL of that store for the whole test session; read it, and write nothing to it."""
    folder = tempfile.mkdtemp(prefix="dw-daily-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = f"sqlite:///{Path(folder) / 'store.db'}"
    with Store.open(url) as store:
        reference = {"start": to_iso(REPLAYED), "end": to_iso(REPLAYED + REFERENCE_DAYS * DAY)}
        register(store, "weekly-flights", {"clock": "replay", "bucket": "1d", "reference": reference})
        for day in range(DAYS):
            start = REPLAYED + day * DAY
            log(store, "weekly-flights", day, flights(start, rows=_ROWS_AN_HOUR, seed=3, shifted=day in _WARM))
        judge(store)
    return url
