"""Prints the figures of a_change_between_waves_contains_what_differs_between_environments in tests/analyze.rs, by the
formulas at the head of src/decide/verdict.rs, for one size:

    python tests/data/statistics/waves.py
"""

import numpy
from scipy import stats

OLD = [100, 110, 121, 101, 109, 120, 99, 111, 122, 102, 108, 119]
NEW = [116, 125, 138, 115, 127, 137, 117, 126, 139, 114, 128, 140]
ENVIRONMENTS = 3
PRIOR_FREEDOM, PRIOR_SHARE = 4, 0.5


def mean_and_error(values, trim):
    values, wave = numpy.array(values, float), numpy.arange(len(values)) // ENVIRONMENTS
    n, dropped = len(values), int(len(values) * trim)
    kept = numpy.sort(values)[dropped : n - dropped]
    winsorized = numpy.clip(values, kept[0], kept[-1])
    h, mean = len(kept), kept.mean()
    factor = n * (n - 1) / (h * (h - 1))
    variance = factor * winsorized.var(ddof=1)
    means = [winsorized[wave == number].mean() for number in set(wave)]
    within = factor * ENVIRONMENTS * numpy.var(means, ddof=1)
    freedom = len(means) - 1
    share = numpy.clip(1 - within / variance, 0, 1)
    share = (PRIOR_FREEDOM * PRIOR_SHARE + freedom * share) / (PRIOR_FREEDOM + freedom)
    return mean, variance * (share / ENVIRONMENTS + (1 - share) / n)


for what, trim in (("cost", 0), ("duration", 0.2)):
    (before, variance_before), (now, variance_now) = (mean_and_error(values, trim) for values in (OLD, NEW))
    variance = variance_before + variance_now
    freedom = variance**2 * (ENVIRONMENTS - 1) / (variance_before**2 + variance_now**2)
    change, error = now - before, variance**0.5
    half = stats.t.ppf(0.975, freedom) * error
    p_value = 2 * stats.t.sf(abs(change) / error, freedom)
    print(what, change / before, (change - half) / before, (change + half) / before, p_value)
