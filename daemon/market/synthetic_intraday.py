"""The way from a session's open to its close: smiles of volatility and volume, volatility bursts, trends, a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from daemon.market.tape import FloatArray

_BURST_S: Final = 300  # seconds between the knots of the intraday volatility wave
_BURST_MEMORY: Final = 0.85  # from knot to knot
_BURST_SPREAD: Final = 0.35  # standard deviation of its logarithm
_TREND_S: Final = 600  # seconds between the knots of the drift
_TREND_MEMORY: Final = 0.85
_TREND_MOST: Final = 0.85  # largest share of a day's standard deviation that is drift; drawn anew each day


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smiles:
    """How a session of a given length breathes; arrays of shape (steps,) with mean 1, read-only."""

    variance: FloatArray
    volume: FloatArray
    spread: FloatArray


@lru_cache(maxsize=32)
def smiles(steps: int) -> Smiles:
    """Return the smiles of a session divided into `steps`: high at the open, low at noon, higher at the close."""
    at = (np.arange(steps) + 0.5) / steps
    return Smiles(
        variance=_mean_one(1 + 5.0 * np.exp(-at / 0.05) + 0.8 * np.exp(-(1 - at) / 0.06)),
        volume=_mean_one(0.7 + 2.6 * np.exp(-at / 0.05) + 0.9 * (2 * at - 1) ** 2 + 2.4 * np.exp(-(1 - at) / 0.035)),
        spread=_mean_one(1 + 1.8 * np.exp(-at / 0.025) + 0.15 * np.exp(-(1 - at) / 0.02)),
    )


def burst_knots(random: np.random.Generator, seconds: int) -> FloatArray:
    """Return the knots of a slow positive wave of mean about 1 that multiplies variance."""
    knots = _memory_path(random, seconds // _BURST_S + 2, _BURST_MEMORY)
    wave: FloatArray = np.exp(2 * _BURST_SPREAD * knots - 2 * _BURST_SPREAD**2)
    return wave


def burst_wave(knots: FloatArray, steps: int, step_s: int) -> FloatArray:
    """Return the wave through `knots` in steps of `step_s` seconds, which must divide 300; shape (steps,)."""
    return _interpolate(knots, steps, _BURST_S // step_s)


def bridge(random: np.random.Generator, wave: FloatArray, step_s: int, volatility: float, target: float) -> FloatArray:
    """Return a path of log points that starts at 0 and ends at `target`.

    Args:
        random: the numbers to draw from.
        wave: what multiplies the smile of variance in each of the session's steps, shape (steps,).
        step_s: seconds of a step; must divide 300.
        volatility: standard deviation of the path's end if it were free, in log points.
        target: log points where it ends.

    Returns:
        Shape (steps + 1,).
    """
    steps = wave.size
    share = smiles(steps).variance * wave
    share *= 1 / share.sum()
    trend = _TREND_MOST * random.random() ** 1.3
    moves = random.standard_normal(steps, dtype=np.float32) * np.sqrt(share * ((1 - trend**2) * volatility**2))
    moves += _drift(random, steps, step_s) * (volatility * trend)
    # What the free path lacks to its target is spread over the session by variance, as a bridge does.
    share *= target - moves.sum()
    moves += share
    path = np.empty(steps + 1)
    path[0] = 0.0
    np.cumsum(moves, out=path[1:])
    return path


def to_seconds(path: FloatArray, step_s: int, seconds: int) -> FloatArray:
    """Return a path of knots `step_s` apart as one value for the start of each second, shape (seconds,)."""
    return _interpolate(path, seconds, step_s)


def _drift(random: np.random.Generator, steps: int, step_s: int) -> FloatArray:
    """Return moves of shape (steps,) that keep their sign for tens of minutes; over the session of unit variance."""
    knots = _memory_path(random, steps * step_s // _TREND_S + 2, _TREND_MEMORY)
    per_knot = _TREND_S // step_s
    scale = per_knot * max(steps / per_knot, 1.0) ** 0.5
    moves: FloatArray = _interpolate(knots, steps, per_knot) / scale
    return moves


def _memory_path(random: np.random.Generator, count: int, memory: float) -> FloatArray:
    """Return a stationary AR(1) path of unit variance, shape (count,)."""
    shocks = random.standard_normal(count).tolist()
    fresh = float(np.sqrt(1 - memory**2))
    path = [shocks[0]]
    for shock in shocks[1:]:
        path.append(memory * path[-1] + fresh * shock)
    return np.array(path)


def _interpolate(knots: FloatArray, count: int, between: int) -> FloatArray:
    """Return `count` values on straight lines through `knots`, which are `between` values apart."""
    blocks = -(-count // between)
    start = knots[:blocks, None]
    slope = np.diff(knots[: blocks + 1])[:, None] * (1 / between)
    lines: FloatArray = start + slope * np.arange(between)
    return lines.reshape(-1)[:count]


def _mean_one(shape: FloatArray) -> FloatArray:
    shape = shape / shape.mean()
    shape.flags.writeable = False
    return shape
