"""Every constant of the rule, in one place, with what it is for.

They were chosen on simulations and on real data; the simulation under ``benchmarks/`` is what a change must beat.
"""

__all__ = [
    "ATOM_ROWS",
    "BETA_MIN",
    "CATEGORIES",
    "COLD_D2",
    "COLD_TAU2",
    "D0_CAP",
    "FLOOR_TAU2",
    "HEAVY_WEATHER",
    "LEAST_FOLDS",
    "LEAST_ROWS",
    "MATERIAL_KS",
    "MATERIAL_TV",
    "NOVEL_FLOOR",
    "QUANTILE_CELLS",
    "RECENCY_HALF",
    "RECENCY_KAPPA",
    "RECENCY_ROWS",
    "SHORT_TESTS",
    "SLOT_ROWS",
    "TAIL_EXPONENTS",
    "U_MIN",
    "VOLUME_SHARE",
]

QUANTILE_CELLS = 128
"""Quantile cells of a numeric column (NB)."""

TAIL_EXPONENTS = (-2, -1, 0, 1, 2, 3, 4)
"""Cells beyond the reference's minimum and maximum end at s·2^j from it."""

CATEGORIES = 50
"""Reference levels of a categorical column that have a cell of their own."""

LEAST_ROWS = 30
"""A window with fewer rows is not compared (NMIN)."""

SLOT_ROWS = 20
"""A slot of the baseline with fewer rows uses the pooled baseline."""

LEAST_FOLDS = 2.5
"""Natural variation at a scale is estimated from at least this many disjoint windows."""

FLOOR_TAU2 = {"V": 1e-4, "S": 6.25e-6, "R": 3e-4, "C": 3e-4, "M": 3e-4}
"""Least natural variation per class: nothing that people log is steadier than this."""

COLD_TAU2 = {"V": 0.0144, "S": 6.25e-4, "R": 0.0076, "C": 0.0144, "M": 0.0025}
"""Natural variation assumed when the reference is too short to estimate any."""

COLD_D2 = 30.0
"""Degrees of freedom of the assumed natural variation."""

D0_CAP = 50.0
"""Largest prior degrees of freedom that moderation over columns may reach."""

U_MIN = 2.33
"""Least threshold of the tail: the z score of probability .02, two-sided."""

BETA_MIN = 0.37
"""Least mean excess over the threshold: somewhat more than that of a normal tail at 2.33, which is .34."""

SHORT_TESTS = 4.0
"""Tests that a bucket's short windows amount to: location, spread and shape at the scales below a week."""

RECENCY_KAPPA = 3.0
"""A shorter window has the power to show an effect that is this many of its standard deviations."""

RECENCY_HALF = 0.5
"""Share of a window's effect that a shorter window with power must show."""

RECENCY_ROWS = 10
"""Rows below which a window has no say about recency (RECN)."""

ATOM_ROWS = 10.0
"""Rows expected outside the heaviest cell, below which a column counts as near-constant."""

VOLUME_SHARE = 0.20
"""A window with less than this share of its usual rows is low."""

NOVEL_FLOOR = {"categorical": 0.005, "numeric": 0.02}
"""Share of never-seen values below which they are not news."""

HEAVY_WEATHER = 0.09
"""Natural variation of location at one day from which a column sets records as a matter of course."""

MATERIAL_KS = 0.20
"""Kolmogorov-Smirnov distance of a material shift."""

MATERIAL_TV = 0.15
"""Total variation distance of a material shift."""
