"""The rule's windows as its definition says them, bucket by bucket, in plain numbers: slow, and hard to get wrong."""

from dataclasses import dataclass

from driftwatch.drift.rule import Ladder, Series

__all__ = ["PlainColumn", "PlainWindow"]


@dataclass(frozen=True)
class PlainWindow:
    """One trailing window of one column beside what its buckets looked like in the reference."""

    p: list[float]
    q: list[float]
    n: float
    m: float
    missing_share: float
    reference_missing_share: float
    novel: int


class PlainColumn:
    """One column."""

    def __init__(self, series: Series, ladder: Ladder) -> None:
        self._novel = series.novel.tolist()
        self._values = _Side(series.counts.tolist(), ladder)
        presence = zip(series.missing.tolist(), series.counts.sum(axis=1).tolist(), strict=True)
        self._presence = _Side([list(each) for each in presence], ladder)

    def window(self, end: int, scale: int) -> PlainWindow:
        """The window of `scale` buckets that ends with position `end`; one that begins before the axis is empty."""
        buckets = range(end + 1 - scale, end + 1) if end + 1 >= scale else range(0)
        p, q, n, m = self._values.compare(buckets, scale)
        missing, expected, _, _ = self._presence.compare(buckets, scale)
        return PlainWindow(p, q, n, m, missing[0], expected[0], sum(self._novel[place] for place in buckets))


class _Side:
    def __init__(self, counts: list[list[int]], ladder: Ladder) -> None:
        self._counts, self._ladder = counts, ladder
        self._slots = ladder.slots(0, len(counts)).tolist()
        self._reference = [self._slot(slot) for slot in range(ladder.slot_count)]

    def compare(self, buckets: range, scale: int) -> tuple[list[float], list[float], float, float]:
        """Proportions of the window, those expected, its rows, and the rows behind what is expected."""
        rows = sum(map(sum, self._counts[: self._ladder.n_reference]))
        size = len(self._counts[0])
        n, squares = 0.0, 0.0
        taken, expected = [0.0] * size, [0.0] * size
        for place in buckets:
            slot, here = self._reference[self._slots[place]], self._counts[place]
            m_slot, n_here = max(sum(slot), 1), sum(here)
            n += n_here
            squares += n_here**2 / m_slot
            taken = [total + count for total, count in zip(taken, here, strict=True)]
            expected = [total + n_here * count / m_slot for total, count in zip(expected, slot, strict=True)]
        safe = max(n, 1.0)
        overlap = 1 if scale == 1 else self._ladder.overlap
        m = min(n**2 / squares / overlap, rows) if squares else 0.0
        return [each / safe for each in taken], [each / safe for each in expected], n, m

    def _slot(self, slot: int) -> list[int]:
        """Reference rows by cell of one slot and its neighbours, or of all slots where those are fewer than twenty."""
        ladder, reference = self._ladder, self._counts[: self._ladder.n_reference]
        merged = {slot}
        if ladder.pooled:
            merged = set(range(ladder.slot_count))
        elif ladder.overlap > 1:
            merged = {(slot + step) % ladder.slot_count for step in (-1, 0, 1)}
        total = _sum([of for of, its in zip(reference, self._slots, strict=False) if its in merged])
        return total if sum(total) >= 20 else _sum(reference)


def _sum(rows: list[list[int]]) -> list[int]:
    return [sum(cells) for cells in zip(*rows, strict=True)]
