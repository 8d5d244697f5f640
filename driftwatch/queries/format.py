"""How numbers and times are written on pages: one function a kind of quantity, None is always an en dash.

Times are UTC and say so; windows are half-open; minus is a true minus and times a true multiplication sign.
"""

import math

from driftwatch.domain.instant import DAY, HOUR, MINUTE, SECOND, to_datetime

__all__ = [
    "MISSING",
    "age",
    "age_in_two",
    "change",
    "compact",
    "count",
    "distance",
    "effect",
    "latency",
    "number",
    "p_value",
    "plural",
    "share",
    "share_change",
    "stamp",
    "window",
]

MISSING = "–"
_MINUS = "−"
_COMPACT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def count(n: float | None) -> str:
    """A count in running text: exact, grouped, compact from a million on.

    >>> count(41204), count(1_240_000), count(None)
    ('41,204', '1.2 M', '–')
    """
    if n is None:
        return MISSING
    if n < 999_999.5:
        return f"{n:,.0f}"
    text = compact(n)
    return f"{text[:-1]} {text[-1]}"


def compact(n: float | None) -> str:
    """A count in a table or card: compact from 10,000 on.

    >>> compact(9_612), compact(41_204), compact(1_240_000)
    ('9,612', '41K', '1.2M')
    """
    if n is None:
        return MISSING
    if abs(n) < 10_000:
        return f"{n:,.0f}"
    for unit, letter in _COMPACT:
        if abs(n) >= unit * 0.9995:
            scaled = n / unit
            return f"{scaled:.1f}{letter}" if abs(scaled) < 9.95 else f"{scaled:.0f}{letter}"
    return f"{n:,.0f}"


def plural(n: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "model"), plural(1200, "row")
    ('1 model', '1,200 rows')
    """
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {noun}s"


def share(x: float | None) -> str:
    """A fraction in per cent: whole, one decimal under 10 %, two under 1 %; never 0 for what is not 0.

    >>> share(0.624), share(0.0421), share(0.00112), share(0.0), share(0.00001)
    ('62 %', '4.2 %', '0.11 %', '0 %', '< 0.01 %')
    """
    if x is None:
        return MISSING
    percent = abs(x) * 100
    sign = _MINUS if x < 0 else ""
    if percent == 0:
        return "0 %"
    if percent < 0.005:
        return f"{sign}< 0.01 %"
    digits = 2 if percent < 0.995 else 1 if percent < 9.95 else 0
    return f"{sign}{percent:.{digits}f} %"


def share_change(x: float | None) -> str:
    """A difference of two fractions, in percentage points.

    >>> share_change(0.042), share_change(-0.1)
    ('+4.2 pp', '−10.0 pp')
    """
    return MISSING if x is None else f"{_sign(x)}{abs(x) * 100:.1f} pp"


def change(x: float | None, digits: int = 3) -> str:
    """A signed difference with a fixed number of decimals.

    >>> change(-0.0291)
    '−0.029'
    """
    return MISSING if x is None else f"{_sign(x)}{abs(x):.{digits}f}"


def distance(x: float | None) -> str:
    """A distance with three significant digits.

    >>> distance(0.1184), distance(0.00907)
    ('0.118', '0.00907')
    """
    return MISSING if x is None or not math.isfinite(x) else _significant(x, 3)


def effect(x: float | None) -> str:
    """A multiple of a threshold, capped; what is below the threshold is never written as 1.

    >>> effect(2.41), effect(41.0), effect(0.996), effect(None)
    ('2.4×', '> 10×', '0.99×', '–')
    """
    if x is None or math.isnan(x):
        return MISSING
    if 0.95 <= x < 1:
        return f"{math.floor(x * 100) / 100:.2f}×"
    return "> 10×" if x > 10 else f"{x:.1f}×"


def p_value(p: float | None) -> str:
    """A probability with two significant digits.

    >>> p_value(0.0004), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    if p is None:
        return MISSING
    return "< 0.001" if p < 0.001 else _significant(p, 2)


def latency(seconds: float | None) -> str:
    """A duration of a call.

    >>> latency(0.0862), latency(1.42), latency(0.0004)
    ('86 ms', '1.4 s', '0.4 ms')
    """
    if seconds is None:
        return MISSING
    if seconds >= 0.9995:
        return f"{seconds:.1f} s" if seconds < 99.95 else f"{seconds:,.0f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:.0f} ms"


def number(x: float | None) -> str:
    """A value of a column: three or four digits, powers of ten only where it must be.

    >>> number(31.0), number(1234.5), number(1e-9), number(1.2e12), number(-0.25)
    ('31', '1,234', '1e-9', '1.2T', '−0.25')
    """
    if x is None or math.isnan(x):
        return MISSING
    if math.isinf(x):
        return f"{_MINUS if x < 0 else ''}∞"
    sign, size = (_MINUS if x < 0 else ""), abs(x)
    if size >= 1e15 or 0 < size < 1e-4:
        mantissa, _, power = f"{size:.2e}".partition("e")
        return f"{sign}{_without_zeros(mantissa)}e{int(power)}"
    if size >= 10_000:
        return sign + compact(size)
    return sign + (f"{size:,.0f}" if size >= 1000 else _without_zeros(_significant(size, 3)))


def stamp(at: int | None, now: int | None = None, *, seconds: bool = False) -> str:
    """An instant in UTC; the year only if it is not that of `now`.

    Args:
        at: microseconds UTC.
        now: the instant that the reader has on the wall; None always writes the year.
        seconds: whether to write seconds.

    >>> stamp(1_372_636_800_000_000, 1_372_636_800_000_000)
    '1 Jul 00:00 UTC'
    """
    return MISSING if at is None else f"{_moment(at, now, seconds=seconds)} UTC"


def window(start: int, end: int, now: int | None = None) -> str:
    """A half-open window; a whole UTC day is named by its date.

    >>> window(1_372_636_800_000_000, 1_372_640_400_000_000, 1_372_636_800_000_000)
    '1 Jul 00:00 – 01:00 UTC'
    """
    first, last = to_datetime(start), to_datetime(end)
    if first.date() == last.date():
        return f"{_moment(start, now)} – {last:%H:%M} UTC"
    return f"{_moment(start, now)} – {_moment(end, now)} UTC"


def age(microseconds: int | None) -> str:
    """A length of time in one unit.

    >>> age(4 * SECOND), age(22 * MINUTE), age(6 * HOUR), age(9 * DAY)
    ('4 s', '22 min', '6 h', '9 d')
    """
    if microseconds is None:
        return MISSING
    span = max(0, microseconds)
    for unit, name in ((2 * DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if span >= unit:
            return f"{span // (DAY if name == 'd' else unit):,} {name}"
    return f"{span // SECOND} s"


def age_in_two(microseconds: int | None) -> str:
    """A length of time in two units, where precision matters.

    >>> age_in_two(4 * HOUR + 12 * MINUTE), age_in_two(3 * DAY + 5 * HOUR)
    ('4 h 12 m', '3 d 5 h')
    """
    if microseconds is None or microseconds < HOUR:
        return age(microseconds)
    if microseconds < 2 * DAY:
        return f"{microseconds // HOUR} h {microseconds % HOUR // MINUTE:02d} m"
    days, hours = microseconds // DAY, microseconds % DAY // HOUR
    return f"{days:,} d {hours} h" if hours and days < 100 else f"{days:,} d"


def _moment(at: int, now: int | None, *, seconds: bool = False) -> str:
    moment = to_datetime(at)
    year = "" if now is not None and to_datetime(now).year == moment.year else f" {moment.year}"
    clock = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}{year} {clock}"


def _sign(x: float) -> str:
    return _MINUS if x < 0 else "+"


def _significant(x: float, digits: int) -> str:
    if x == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return f"{_MINUS if x < 0 else ''}{abs(x):.{places}f}"


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
