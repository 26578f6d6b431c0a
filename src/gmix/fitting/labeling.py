"""Reads the numbers of components of a fit to labeled rows."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.base.wording import count
from gmix.fitting.start import KMeansPlusPlus, LabeledRows, Start
from gmix.sources import Source

__all__ = ["label_findings", "labeled_source", "labeled_start"]


def labeled_source(source: Source, components: Any) -> tuple[Source, Any]:
    """The source with the groups that `components` asks for, and the number or numbers of components in all.

    Raises `ParameterError` for numbers that do not go with the labels.
    """
    groups = source.groups
    if groups is None:
        if isinstance(components, Mapping):
            raise ParameterError("components names labels, and the rows have none; give labels, or a number")
        return source, components
    if isinstance(components, Mapping):
        groups = groups.sized(components, source.place_of_label)
        components = groups.n_components
    elif isinstance(components, str):
        components = groups.n_components if components == "auto" else components
    else:
        counts = components if isinstance(components, Iterable) else [components]
        counts = components = list(counts)
        if few := [k for k in counts if isinstance(k, int) and k < groups.n_components]:
            raise ParameterError(f"components is {few[0]} and there are {groups}, which need a component each")
    if source.has_soft_labels and components not in (groups.n_components, [groups.n_components]):
        raise ParameterError(
            f"components is {components} and labels has {count(len(groups.names), 'column')}; with soft labels every "
            "component belongs to a column, so give further columns, or a mapping of columns to numbers"
        )
    source = copy.copy(source)
    source.groups = groups
    return source, components


def labeled_start(start: Start) -> Start:
    """The start of a fit to labeled rows, if this one is made and not given.

    Raises `ParameterError` for a method that does not know of labels.
    """
    if not start.is_made:
        return start
    if not isinstance(start, KMeansPlusPlus):
        raise ParameterError("with labels, components start from the labeled rows; leave start out, or give a mixture")
    return LabeledRows(start.runs, start.sweeps)


def label_findings(source: Source) -> list[Finding]:
    """How many rows have a label, and which labels there are; no finding without labels, and for soft ones."""
    if source.groups is None or source.has_soft_labels:
        return []
    known, rows = source.n_counting - source.of_label(-1).n_counting, count(source.n_counting, "row")
    text = f"{known:,} of {rows} {'has' if known == 1 else 'have'} a label; there are {source.groups}"
    if len(source.groups.names) == 1:
        text = text.replace("there are", "there is")
    return [Finding("labels", text, "note")]
