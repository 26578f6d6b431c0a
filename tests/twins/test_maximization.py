"""The compiled M-step beside the plain one."""

from __future__ import annotations

import numpy as np
import pytest

from gmix import Dirichlet, GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.base.rows import Rows
from gmix.model import m_step
from gmix.model.covariance import DIRECT, FORMS, STRUCTURES, Form, Structure
from gmix.model.mixture import compact_covariances, unchecked_mixture
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.priors import Prior

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")
PLAIN = ReferenceKernel()
EVERY = [*DIRECT, *(s.with_equal_weights for s in DIRECT)]


def statistics(structure: Structure, d: int, offset: float) -> SufficientStatistics:
    rng = np.random.default_rng(d)
    labels = rng.integers(4, size=300)
    rows = rng.standard_normal((300, d)) @ rng.standard_normal((d, d)) + 2.0 * labels[:, None] + offset
    return SufficientStatistics.from_responsibilities(structure.form, rows, 0.7 * np.eye(4)[labels] + 0.075)


@pytest.mark.parametrize("prior", [None, NormalInverseWishart(mean_strength=9.0) + Dirichlet(5.0)], ids=["ML", "MAP"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("d", [1, 3, 17])
@pytest.mark.parametrize("structure", EVERY, ids=repr)
def test_both_read_the_same_mixture(
    structure: Structure, d: int, offset: float, prior: Prior | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = statistics(structure, d, offset)
    [compiled] = kernel.maximize([given], structure, None if prior is None else prior.term(given, structure))
    monkeypatch.setattr(m_step, "kernel", PLAIN)
    plain = GaussianMixture.from_statistics(given, structure, prior)
    assert compiled is not None
    for mine, yours in zip(compiled, (plain.weights, plain.means, compact_covariances(plain)), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-13, atol=1e-13 * np.abs(yours).max())


@pytest.mark.parametrize("rows", [[[0.0, 1.0], [4.0, 4.0]], [[0.0, 0.0], [1.0, 3.0], [2.0, 6.0], [3.0, 9.0]]], ids=len)
@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.code not in ("EVE", "VVE")], ids=repr)
def test_both_raise_an_empty_or_a_collapsing_component_to_the_same_floor(
    structure: Structure, rows: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = np.repeat(rows, 5, axis=0), np.arange(5 * len(rows)) // (5 * len(rows) // 2)
    for share in (np.eye(2)[labels], np.eye(3)[labels]):
        collapsed = SufficientStatistics.from_responsibilities(structure.form, rows, share)
        [compiled] = kernel.maximize([collapsed], structure)
        with monkeypatch.context() as patched:
            patched.setattr(m_step, "kernel", PLAIN)
            plain = GaussianMixture.from_statistics(collapsed, structure)
        assert compiled is not None
        mixture = unchecked_mixture(*compiled, structure, None)
        for one in (mixture, plain):
            assert structure.form.smallest(compact_covariances(one), collapsed.reference.floor).min() > 0.4
            assert np.isfinite(one.log_density(rows)).all()
        if structure in DIRECT:  # where an iteration meets the floor, only its answer's being sound is certain
            for mine, yours in zip(compiled, (plain.weights, plain.means, compact_covariances(plain)), strict=True):
                np.testing.assert_allclose(mine, yours, rtol=1e-6, atol=1e-9 * collapsed.reference.floor.min())
            assert mixture.collapsed(collapsed) == plain.collapsed(collapsed)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("d", [1, 3])
def test_both_add_up_the_same_clusters(form: Form, d: int, weighted: bool) -> None:
    rng = np.random.default_rng(d)
    rows, every = 1e6 + rng.normal(size=(90, d)), [rng.integers(0, 4, 90), np.repeat([0, 2, 3], 30)]
    weight = np.where(rng.random(90) < 0.2, 0.0, rng.random(90)) if weighted else None
    reference = SufficientStatistics.from_labels(form, rows, np.zeros(90, np.intp), 1, weight).reference
    compiled, plain = (each.label_statistics(form, Rows(rows, weight), every, 4, reference) for each in (kernel, PLAIN))
    for mine, yours in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(mine.mass, yours.mass, rtol=1e-13)
        np.testing.assert_allclose(mine.mean[mine.mass > 0], yours.mean[mine.mass > 0], rtol=1e-14)
        np.testing.assert_allclose(mine.scatter, yours.scatter, rtol=1e-7, atol=1e-7)
        assert mine.reference is reference
