"""Tick labels without an offset: where ticks show a shifted or scaled value, the label of the axis says so."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from gmix.base.wording import power_of_ten

__all__ = ["InnerTicks", "NamedTicks", "has_shift_or_scale", "shifted_and_scaled"]

_MORE = 4  # ticks that are tried in addition, where fewer than two are not near an end
_MINUS = "\N{MINUS SIGN}"
_OFFSET_TEXT = re.compile(r"(?:1e([-+]?\d+))?([-+].*)?")


class NamedTicks(ScalarFormatter):
    """Writes an offset and a power of ten into the label of the axis, as `shifted_and_scaled` does.

    It follows zooming, and a label that is set later. An axis without a label keeps Matplotlib's own offset text.
    """

    def __init__(self, letters: int = 200) -> None:
        super().__init__(useMathText=False)
        self._letters = letters  # that fit in a line of the label; a longer one is divided before the shift or scale
        self._written: tuple[str, str] | None = None  # the name, and the label that was made of it

    def set_locs(self, locs: Iterable[float]) -> None:
        places = list(locs)
        super().set_locs(places)
        if isinstance(self.axis, Axis) and (name := self._name(self.axis)):
            label = shifted_and_scaled(name, *_parsed(str(super().get_offset()))) if places else name
            if len(label) > self._letters and label != name:
                label = _divided(label, name)
            self.axis.set_label_text(label)
            self._written = name, label

    def get_offset(self) -> str:
        named = isinstance(self.axis, Axis) and self.axis.get_label_text()
        return "" if named else str(super().get_offset())

    def _name(self, axis: Axis) -> str:
        """The label of the axis as it was set, without what this formatter added."""
        shown = axis.get_label_text()
        return self._written[0] if self._written is not None and shown == self._written[1] else shown


class InnerTicks(MaxNLocator):
    """Few round ticks, none so near an end of the axis that its label would touch that of the neighboring panel."""

    def __init__(self, most: int, end: float) -> None:
        super().__init__(most, steps=[1, 2, 2.5, 5, 10])
        self._most = most
        self._end = end  # the part of the axis at each end that has no ticks

    def __call__(self) -> list[float]:
        low, high = sorted(self.axis.get_view_interval()) if self.axis is not None else (0.0, 1.0)
        end = self._end * (high - low)
        for more in range(_MORE):
            self.set_params(nbins=self._most + more)
            ticks = [float(tick) for tick in self.tick_values(low, high)]
            inner = [tick for tick in ticks if low + end <= tick <= high - end]
            if len(inner) > 1:
                break
        return inner or ticks


def shifted_and_scaled(name: str, offset: float, power: int) -> str:
    r"""The name of what ticks show: a value less an offset, in units of a power of ten.

    >>> shifted_and_scaled("income", 1e6, 3) == "(income \N{MINUS SIGN} 10⁶) / 10³"
    True
    >>> shifted_and_scaled("depth", -2500.0, 0)
    'depth + 2,500'
    """
    if offset:
        name = f"{name} {_MINUS if offset > 0 else '+'} {_written(abs(offset))}"
        name = f"({name})" if power else name
    return f"{name} / {power_of_ten(power)}" if power else name


def has_shift_or_scale(low: float, high: float) -> bool:
    """Whether ticks over this range show shifted or scaled values."""
    formatter: Any = ScalarFormatter(useMathText=False)
    formatter.create_dummy_axis()
    formatter.axis.set_view_interval(low, high)
    formatter.set_locs(list(MaxNLocator(3).tick_values(low, high)))
    return bool(formatter.get_offset())


def _divided(label: str, name: str) -> str:
    """A label in two lines, with what follows the name in the second."""
    end = label.index(name) + len(name)
    return f"{label[:end]}\n{label[end:].lstrip()}"


def _parsed(offset_text: str) -> tuple[float, int]:
    """The offset and the power of ten in the text that Matplotlib writes for them, such as ``1e3+1e6``."""
    found = _OFFSET_TEXT.fullmatch(offset_text.replace(_MINUS, "-"))
    return (float(found[2] or 0.0), int(found[1] or 0)) if found else (0.0, 0)


def _written(value: float) -> str:
    power = math.floor(math.log10(value) + 1e-12)
    if abs(power) >= 4 and math.isclose(value, 10.0**power, rel_tol=1e-12):
        return power_of_ten(power)
    if power >= 9:
        return f"{value / 10.0**power:.10g} \N{MULTIPLICATION SIGN} {power_of_ten(power)}"
    return f"{value:,.12g}"
