"""Makes golden.json with SciPy and NumPy: python3 test/reports/statistics/golden.py > test/reports/statistics/golden.json"""
import json, numpy as np, scipy
from scipy import stats

rng = np.random.default_rng(20261121)
pairs10 = np.round(rng.normal(0.06, 0.05, 10), 4)
pairs6 = np.round(rng.normal(0.0, 0.05, 6), 4)
a, b = np.round(rng.normal(10.5, 1, 7), 3), np.round(rng.normal(10, 1, 6), 3)
x, y = np.arange(40.0), np.round(0.3 * np.arange(40) + rng.normal(0, 4, 40), 3)
ty = np.round(y / 4) * 4
ps = [0.01, 0.04, 0.03, 0.005, 0.5]


def walsh(v):
    v = np.asarray(v)
    i, j = np.triu_indices(len(v))
    return float(np.median((v[i] + v[j]) / 2))


def hodges_lehmann(v, w):
    return float(np.median(np.subtract.outer(np.asarray(v), np.asarray(w))))


def sign_flip(v):
    zeros = np.zeros_like(v)
    return float(stats.permutation_test((v, zeros), lambda p, q: np.mean(p - q), permutation_type="samples", n_resamples=np.inf).pvalue)


def permutation(v, w):
    return float(stats.permutation_test((v, w), lambda p, q: np.mean(p) - np.mean(q), n_resamples=np.inf).pvalue)


def interval(v):
    found = stats.bootstrap((v,), lambda s: walsh(s), vectorized=False, method="percentile", n_resamples=20000, rng=rng).confidence_interval
    return [float(found.low), float(found.high)]


def interval_of_two(v, w):
    found = stats.bootstrap((v, w), hodges_lehmann, vectorized=False, method="percentile", n_resamples=20000, rng=rng).confidence_interval
    return [float(found.low), float(found.high)]


def holm(values):
    order, out, high = np.argsort(values), np.zeros(len(values)), 0.0
    for rank, index in enumerate(order):
        high = max(high, min(1.0, (len(values) - rank) * values[index]))
        out[index] = high
    return out.tolist()


def theil(u, v):
    found = stats.theilslopes(v, u)
    return {"slope": float(found.slope), "low": float(found.low_slope), "high": float(found.high_slope)}


json.dump(
    {
        "madeWith": f"SciPy {scipy.__version__}, NumPy {np.__version__}",
        "pairs10": {"values": pairs10.tolist(), "pseudoMedian": walsh(pairs10), "signFlipP": sign_flip(pairs10), "interval": interval(pairs10)},
        "pairs6": {"values": pairs6.tolist(), "pseudoMedian": walsh(pairs6), "signFlipP": sign_flip(pairs6), "interval": interval(pairs6)},
        "two": {"a": a.tolist(), "b": b.tolist(), "shift": hodges_lehmann(a, b), "permutationP": permutation(a, b), "interval": interval_of_two(a, b)},
        "holm": {"ps": ps, "adjusted": holm(ps)},
        "slope": {"xs": x.tolist(), "ys": y.tolist(), **theil(x, y)},
        "slopeWithTies": {"xs": x.tolist(), "ys": ty.tolist(), **theil(x, ty)},
        "quantile": {"values": y[:9].tolist(), "at": [0, 0.025, 0.5, 0.975, 1], "found": np.quantile(y[:9], [0, 0.025, 0.5, 0.975, 1]).tolist()},
    },
    __import__("sys").stdout,
    indent=1,
)
print()
