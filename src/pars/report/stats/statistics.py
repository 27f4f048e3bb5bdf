"""Estimates over seeds: mean, spread, interval. Every estimate carries its n and knows how to print itself.

Definitions follow Agarwal et al. 2021 (arXiv 2108.13264): interquartile mean, percentile bootstrap, probability of
improvement. The standard deviation is the sample one (ddof=1), that of seeds, not of episodes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000


def sample_std(values: np.ndarray, ddof: int = 1) -> float:
    """Standard deviation of finite values [n]; NaN when n <= ddof. ddof=1: sample, ddof=0: population."""
    values = _finite(values)
    return float(np.std(values, ddof=ddof)) if values.size > ddof else float("nan")


def finite_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the finite seeds of [n, ..] -> [..]; NaN where no seed is finite."""
    values, finite = np.asarray(values, float), np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.asarray(np.where(finite.any(axis=0), total / np.maximum(finite.sum(axis=0), 1), np.nan))


def iqm(values: np.ndarray) -> float:
    """Interquartile mean of finite values [n]: the mean without the lowest and the highest quarter."""
    values = _finite(values)
    return float(stats.trim_mean(values, 0.25)) if values.size else float("nan")


def bootstrap_interval(
    values: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the mean over finite values [n]; None when n < 2: one seed has no spread."""
    values = _finite(values)
    if values.size < 2:
        return None
    low, high = bootstrap_band(values[:, None], level, resamples, seed)
    return float(low[0]), float(high[0])


def bootstrap_band(
    values: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap intervals of the mean over seeds for each column of [n, T], n >= 2 -> low [T], high [T].

    Seeds are drawn, whole curves at a time. Columns with a NaN give NaN.
    """
    if values.ndim != 2 or values.shape[0] < 2:
        raise ValueError(f"bootstrap_band takes [n, T] with n >= 2, got {values.shape}")
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    whole = np.isfinite(values).all(axis=0)
    if whole.any():
        result = stats.bootstrap(
            (values[:, whole],),
            np.mean,
            axis=0,
            n_resamples=resamples,
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
        low[whole], high[whole] = result.confidence_interval.low, result.confidence_interval.high
    return low, high


def wilson_interval(mean: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of the mean of n values that all lie within 0 to 1: itself within them, and of some width
    also where all n are alike. Right for zeros and ones, too wide rather than too narrow for what lies between.
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    centre, scale = mean + z**2 / (2 * n), 1 + z**2 / n
    half = z * np.sqrt(max(mean * (1 - mean), 0.0) / n + z**2 / (4 * n**2))
    low, high = (round(float(end / scale), 12) for end in (centre - half, centre + half))  # 0, not 5e-17
    return max(low, 0.0), min(high, 1.0)


def probability_of_improvement(x: np.ndarray, y: np.ndarray) -> float:
    """P(X > Y) + P(X = Y) / 2 over all pairs of runs x [n], y [m]; NaN if either is empty."""
    x, y = _finite(x), _finite(y)
    if not x.size or not y.size:
        return float("nan")
    return float(np.mean((x[:, None] > y) + 0.5 * (x[:, None] == y)))


@dataclass(frozen=True)
class Improvement:
    """Probability that a run of the one scores higher than a run of the other, ties counted half, with its interval."""

    value: float
    interval: tuple[float, float] | None

    @property
    def flipped(self) -> "Improvement":
        """The same from the other's side."""
        return Improvement(1 - self.value, self.interval and (1 - self.interval[1], 1 - self.interval[0]))

    def text(self) -> str:
        """`0.83 [0.50 1.00]`; without the interval if there are too few runs for one."""
        if not np.isfinite(self.value):
            return "none"
        return f"{self.value:.2f}" + (f" [{self.interval[0]:.2f} {self.interval[1]:.2f}]" if self.interval else "")


def improvement(
    x: np.ndarray, y: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Improvement:
    """`probability_of_improvement` of x [n] over y [m] with the percentile bootstrap interval of resampled runs.

    Runs of x and of y are drawn each from their own. No interval when either side has fewer than two finite values.
    """
    x, y = _finite(x), _finite(y)
    value = probability_of_improvement(x, y)
    if x.size < 2 or y.size < 2:
        return Improvement(value, None)
    rng = np.random.default_rng(seed)
    beats = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    # how often each run is drawn says all about a resample
    drawn_x, drawn_y = (rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n for n in beats.shape)
    found = np.einsum("rn,nm,rm->r", drawn_x, beats, drawn_y, optimize=True)
    low, high = np.quantile(found, [0.5 - level / 2, 0.5 + level / 2])
    return Improvement(value, (float(low), float(high)))


@dataclass(frozen=True)
class Difference:
    """Difference of two means with its t interval; `clear` says whether the interval leaves out zero."""

    value: float
    interval: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)

    @property
    def flipped(self) -> "Difference":
        """The same from the other's side."""
        return Difference(-self.value, self.interval and (-self.interval[1], -self.interval[0]))

    def text(self) -> str:
        if self.interval is None:
            return f"{signed(self.value, decimals(self.value))}, too few seeds for an interval"
        places = decimals(max(abs(self.value), *map(abs, self.interval)))
        low, high = self.interval
        return f"{signed(self.value, places)} [{signed(low, places)} {signed(high, places)}]"


def difference(x: np.ndarray, y: np.ndarray, paired: bool = False, level: float = LEVEL) -> Difference:
    """mean(x) - mean(y) with Welch's t interval (paired: of the differences seed by seed).

    A t interval rather than a bootstrap one because it decides what the verdict says and a percentile bootstrap of
    three seeds is too narrow to decide anything. No interval when either side has fewer than two finite values, or when
    neither side has any spread and one has only two: scores come in steps, and two are soon alike.
    """
    if paired:
        x, y = _finite(np.asarray(x, float) - np.asarray(y, float)), np.zeros(0)
    else:
        x, y = _finite(x), _finite(y)
    value = float(np.mean(x) - (0.0 if paired else np.mean(y))) if x.size and (paired or y.size) else float("nan")
    sides = [x] if paired else [x, y]
    if any(side.size < 2 for side in sides):
        return Difference(value, None)
    variances = np.array([np.var(side, ddof=1) / side.size for side in sides])
    total = variances.sum()
    if total == 0:
        return Difference(value, (value, value) if paired or min(x.size, y.size) > 2 else None)
    freedom = total**2 / sum(v**2 / (side.size - 1) for v, side in zip(variances, sides, strict=True))
    half = float(stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(total))
    return Difference(value, (value - half, value + half))


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds. values [n] are the finite ones, `missing` counts the others (a diverged member)."""

    values: np.ndarray
    missing: int
    mean: float
    std: float
    interval: tuple[float, float] | None

    @property
    def n(self) -> int:
        return int(self.values.size)

    def text(self) -> str:
        """`88 ± 6`: mean ± sample standard deviation; the mean alone for one seed."""
        if self.n == 0:
            return "none"
        if self.n == 1:
            return number(self.mean)
        places = decimals(max(abs(self.mean), self.std))
        return f"{self.mean:,.{places}f} ± {self.std:,.{places}f}"

    def interval_text(self) -> str:
        if self.interval is None:
            return "none (n < 2)"
        low, high = self.interval
        places = decimals(max(abs(low), abs(high)))
        return f"[{low:,.{places}f} {high:,.{places}f}]"


def estimate(values: np.ndarray) -> Estimate:
    """Mean, sample standard deviation and bootstrap interval of values [n], one per seed."""
    values = np.asarray(values, dtype=float)
    finite = _finite(values)
    mean = float(finite.mean()) if finite.size else float("nan")
    return Estimate(finite, values.size - finite.size, mean, sample_std(finite), bootstrap_interval(finite))


def decimals(value: float) -> int:
    """Decimals that show about two significant digits: 88, 3.3, 0.91, 0.034."""
    size = abs(value)
    if not np.isfinite(size) or size >= 9.95:
        return 0
    return 1 if size >= 0.995 or size == 0 else 2 if size >= 0.0995 else 3


def number(value: float) -> str:
    """One number for people: 12,345, 88, 3.3, 0.91; scientific beyond a million or below a thousandth."""
    if not np.isfinite(value):
        return "none" if np.isnan(value) else "infinite"
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:,.{decimals(value)}f}"


def signed(value: float, places: int) -> str:
    """A number with its sign, also when that is a plus."""
    return f"{round(value, places) + 0.0:+,.{places}f}".replace("-", "\N{MINUS SIGN}")  # + 0.0: no minus zero


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float).ravel()
    return values[np.isfinite(values)]
