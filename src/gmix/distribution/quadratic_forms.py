"""The distribution function of a quadratic form in normal variables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SumOfSquares"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
_HALVINGS = 100  # of the interval that holds the saddle point
_WIDEST = 80.0  # logarithm of the ratio of the largest to the smallest saddle point that is looked for
_STEP, _LAST = 1.0 / 16.0, 75.0  # of the trapezoidal rule, which converges exponentially
_SLOPE = 0.5  # of the contour, by which it bends toward the side where the integrand decays
_CONSTANT = 1e-24  # of its mean square; a form of smaller variance is a constant


class SumOfSquares(NamedTuple):
    r"""N quadratic forms :math:`T = \sum_l (s_l z_l + d_l)^2 - z_l^2` in independent standard normal variables.

    Their logarithmic moment-generating function, with :math:`a_l = s_l^2 - 1`, is

    .. math:: K(t) = \sum_l t d_l^2 + \frac{2 t^2 s_l^2 d_l^2}{1 - 2 a_l t} - \tfrac12 \log(1 - 2 a_l t).

    The distribution function is the integral of :math:`\exp(K(t) - c t) / t` along a contour from minus to plus
    imaginary infinity (Imhof 1961, *Biometrika* 48:419, integrates along the imaginary axis). Here, the contour
    crosses the real axis at the saddle point of the integrand, so that small probabilities keep their digits (Lugannani
    & Rice 1980, *Advances in Applied Probability* 12:475), and bends to where the integrand decays exponentially.
    """

    scales: Array  # (N, D)
    shifts: Array  # (N, D)

    def below(self, limit: Array) -> Array:
        """The probability ``(N,)`` that each form is below its limit ``(N,)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            a, e, b = self._coefficients
            mean, variance = (a + e).sum(1), (2.0 * a**2 + 4.0 * b).sum(1)
        probability = np.where(mean < limit, 1.0, 0.0)
        varies = (variance > _CONSTANT) & np.isfinite(variance) & np.isfinite(limit)
        if varies.any():
            chosen = SumOfSquares(self.scales[varies], self.shifts[varies])
            side = np.where(limit[varies] < mean[varies], -1.0, 1.0)
            tail = np.clip(chosen._tail(limit[varies], side), 0.0, 1.0)
            probability[varies] = np.where(side < 0.0, tail, 1.0 - tail)
        return probability

    @property
    def _coefficients(self) -> tuple[Array, Array, Array]:
        """Those of the squares, the constants, and the squares of those of the linear terms: ``(N, D)`` each."""
        a = (self.scales - 1.0) * (self.scales + 1.0)
        return a, self.shifts**2, (self.scales * self.shifts) ** 2

    def _tail(self, limit: Array, side: Array) -> Array:
        """The probability of less than the limit where `side` is -1, and of more where it is 1."""
        saddle = self._saddle(limit, side)
        width = 1.0 / np.sqrt(self._second(saddle))
        a, e, b = self._coefficients
        with np.errstate(divide="ignore", invalid="ignore"):
            # The integrand decays as the exponential of minus this rate far from the saddle point.
            rate = limit - (e - np.where(b > 0.0, b / a, 0.0)).sum(1)
        bend = _SLOPE * np.where(rate >= 0.0, 1.0, -1.0)
        x = np.arange(0.0, _LAST, _STEP)
        contour = saddle[:, None] + width[:, None] * (1j * np.sinh(x) + bend[:, None] * (np.cosh(x) - 1.0))
        slope = width[:, None] * (1j * np.cosh(x) + bend[:, None] * np.sinh(x))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            terms = np.exp(self._exponent(contour, limit)) / contour * slope
        terms = np.where(np.isfinite(terms), terms, 0.0)
        terms[:, 0] /= 2.0
        return np.asarray(side * terms.imag.sum(1) * _STEP / np.pi)

    def _exponent(self, t: Complex, limit: Array) -> Complex:
        """``K(t) - c t`` at ``(N, P)``."""
        total = -limit[:, None] * t
        for a, e, b in zip(*(each.T[..., None] for each in self._coefficients), strict=True):
            pivot = 1.0 - 2.0 * a * t
            total = total + t * e + 2.0 * t**2 * b / pivot - 0.5 * np.log(pivot)
        return np.asarray(total)

    def _first(self, t: Array, limit: Array) -> Array:
        """The derivative of ``K(t) - c t - log |t|`` at real ``t (N,)``."""
        a, e, b = self._coefficients
        pivot = 1.0 - 2.0 * a * t[:, None]
        terms = e + 4.0 * t[:, None] * b * (1.0 - a * t[:, None]) / pivot**2 + a / pivot
        return np.asarray(terms.sum(1) - limit - 1.0 / t)

    def _second(self, t: Array) -> Array:
        """The second derivative of ``K(t) - log |t|`` at real ``t (N,)``."""
        a, _, b = self._coefficients
        pivot = 1.0 - 2.0 * a * t[:, None]
        return np.asarray((4.0 * b / pivot**3 + 2.0 * (a / pivot) ** 2).sum(1) + 1.0 / t**2)

    def _saddle(self, limit: Array, side: Array) -> Array:
        """The minimum of ``K(t) - c t - log |t|`` on one side of zero, where this function is convex."""
        a, _, _ = self._coefficients
        with np.errstate(divide="ignore"):
            largest = np.where(side < 0.0, np.maximum(-a.min(1), 0.0), np.maximum(a.max(1), 0.0))
            end = np.where(largest > 0.0, 0.5 / largest, np.inf)
        low, high = np.full(len(limit), -_WIDEST), np.full(len(limit), _WIDEST)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            t = self._within(middle, end, side)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                beyond = ~(side * self._first(t, limit) < 0.0)
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return self._within(low, end, side)

    def _within(self, logit: Array, end: Array, side: Array) -> Array:
        """A number between zero and the end, which may be infinite."""
        ratio = np.exp(logit)
        finite = np.isfinite(end)
        return side * np.where(finite, np.where(finite, end, 1.0) * (ratio / (1.0 + ratio)), ratio)
