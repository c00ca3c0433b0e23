"""Prints the reference figures of the tests in src/statistics/tests.rs, which SciPy and NumPy compute:

    python tests/data/statistics/reference.py > tests/data/statistics/reference.json
"""

import json

import numpy
import scipy
from scipy import stats

random = numpy.random.default_rng(20261127)

# R. R. Wilcox, "Introduction to Robust Estimation and Hypothesis Testing": times of self-awareness.
wilcox = [77, 87, 88, 114, 151, 210, 219, 246, 253, 262, 296, 299, 306, 376, 428, 515, 666, 1310, 2611]


def durations(n, median, spread):
    """Draws ascending durations with a long tail, as Lambda reports them."""
    return numpy.sort(numpy.round(median * numpy.exp(spread * random.standard_normal(n)), 2)).tolist()


def floor(values):
    return [float(numpy.floor(value)) for value in values]


pairs = {
    "wilcox and itself + 100": (wilcox, [value + 100 for value in wilcox]),
    "few": ([1, 2, 3], [4, 5, 6]),
    "few, the other way round": ([4, 5, 6], [1, 2, 3]),
    "different numbers": (durations(9, 100, 0.3), durations(20, 130, 0.5)),
    "one against many": ([50.0], durations(30, 100, 0.2)),
    "many": (durations(200, 100, 0.3), durations(150, 104, 0.6)),
    "ties": (floor(durations(60, 5, 0.4)), floor(durations(40, 6, 0.4))),
    "few with ties": ([1, 2, 2, 3], [2, 3, 3, 5, 8]),
    "far apart": (durations(40, 100, 0.05), durations(40, 300, 0.05)),
}


def compared(name, a, b):
    distinct = len(set(a + b)) == len(a + b)
    exact = distinct and max(len(a), len(b)) <= 20
    figures = {
        "name": name,
        "a": a,
        "b": b,
        "mannWhitney": stats.mannwhitneyu(a, b, method="exact" if exact else "asymptotic").pvalue,
        "hodgesLehmann": float(numpy.median(numpy.subtract.outer(a, b))),
    }
    tests = []
    for share in (0.0, 0.2):
        if min(len(a), len(b)) - 2 * int(min(len(a), len(b)) * share) < 2:
            continue
        options = {"equal_var": False, "trim": share}
        two_sided = stats.ttest_ind(a, b, **options)
        # SciPy has no interval of a trimmed difference: it follows from the statistic.
        difference = stats.trim_mean(a, share) - stats.trim_mean(b, share)
        error = difference / two_sided.statistic
        half = stats.t.ppf(0.975, two_sided.df) * error
        tests.append(
            {
                "share": share,
                "difference": difference,
                "standardError": error,
                "degreesOfFreedom": two_sided.df,
                "pTwoSided": two_sided.pvalue,
                "pGreater": stats.ttest_ind(a, b, alternative="greater", **options).pvalue,
                "low": difference - half,
                "high": difference + half,
            }
        )
    return figures | {"tests": tests}


def interval_of_quantile(values, p, confidence):
    interval = stats.quantile_test(values, p=p).confidence_interval(confidence)
    known = not (numpy.isnan(interval.low) or numpy.isnan(interval.high))
    return {
        "values": values,
        "p": p,
        "confidence": confidence,
        "quantile": float(numpy.quantile(values, p)),
        "interval": [interval.low, interval.high] if known else None,
    }


def outliers(values):
    deviations = numpy.abs(numpy.array(values) - numpy.median(values))
    mad = stats.median_abs_deviation(values)
    scores = 0.6745 * deviations / mad if mad > 0 else deviations / (1.253314 * deviations.mean())
    return {"values": values, "outliers": numpy.flatnonzero(scores > 3.5).tolist()}


tail = durations(400, 100, 0.3)
print(
    json.dumps(
        {
            "madeBy": f"tests/data/statistics/reference.py with SciPy {scipy.__version__}, NumPy {numpy.__version__}",
            "comparisons": [compared(name, a, b) for name, (a, b) in pairs.items()],
            "quantiles": [
                interval_of_quantile(values, p, confidence)
                for values in (wilcox, tail[::40], tail[::5], tail)
                for p in (0.5, 0.9, 0.95, 0.99)
                for confidence in (0.9, 0.95)
            ],
            "outliers": [outliers(wilcox), outliers(tail), outliers([3.0] * 9 + [3.5, 40.0]), outliers([1.0, 2.0])],
        },
        default=lambda number: number.item(),
        separators=(",", ":"),
    )
)
