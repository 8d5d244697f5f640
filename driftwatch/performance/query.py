"""Which items are of one query, and when it was asked, where the items of a query come one by one."""

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import HOUR

__all__ = ["QUERY_REACH", "group_queries"]

QUERY_REACH = HOUR
"""How long after a query's first item another one is still of it, microseconds."""

Counts = NDArray[np.int64]


def group_queries(at: Counts, queries: Counts) -> tuple[Counts, Counts]:
    """The query that each item is of, and when that query's first item came.

    A query is asked by an item that no other one of its id came before within the hour. The items of the hour after
    that are of it, so that an item's query can be told from the two hours before it. Items that follow one another
    for longer than that are of no query.

    Args:
        at: int64[n], microseconds UTC, in any order.
        queries: int64[n], codes of the queries' ids, -1 without one.

    Returns:
        int64[n], numbers of queries, the same id asked again being another one, -1 of no query; and int64[n], the time
        of the query's first item, that of the item itself where it is of no query.
    """
    order = np.lexsort((at, queries))
    when, of = at[order], queries[order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (of[1:] != of[:-1]) | (when[1:] - when[:-1] > QUERY_REACH)
    number = np.cumsum(fresh) - 1
    asked = when[fresh][number]
    known = (of >= 0) & (when - asked <= QUERY_REACH)
    found, first = np.empty_like(number), np.empty_like(when)
    found[order] = np.where(known, number, -1)
    first[order] = np.where(known, asked, when)
    return found, first
