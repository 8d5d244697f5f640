"""Labelled rows of hours add up to those of a day, also where an hour has no label at all."""

import numpy as np

from driftwatch.monitors.outcome_cells import cells_of
from driftwatch.performance.tally import LabelledRows, TallyPlan, tally_rows

PLAN = TallyPlan("binary", np.array([0.25, 0.5, 0.75]), None, 0.5)


def test_an_hour_without_a_label_adds_nothing() -> None:
    scores = np.array([0.1, 0.4, 0.9])
    labelled = cells_of(tally_rows(PLAN, LabelledRows([0, 1, 1], [0, 0, 1], scores)))
    unlabelled = cells_of(tally_rows(PLAN, LabelledRows([], [], np.zeros(0)), unlabelled=5))
    for together in (labelled.add(unlabelled), unlabelled.add(labelled)):
        assert (together.kind, together.n) == ("joint", 3)
        assert together.places.tolist() == labelled.places.tolist()
        assert together.counts.tolist() == labelled.counts.tolist()
