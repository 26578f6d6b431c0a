"""`posterior`: draws from the posterior of a mixture by Gibbs sampling with splits and merges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_list, is_count, is_number
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.draws import PosteriorDraws
from gmix.gibbs.partitions import DirichletProcess, FiniteDirichlet, PartitionPrior
from gmix.gibbs.run import ChainDraws, Plan, run_chain
from gmix.model.covariance import TIED, Structure, structure as as_structure
from gmix.model.variational import VariationalPrior
from gmix.sources import MEMORY, MemorySource, Source, as_source

__all__ = ["posterior"]

Array = NDArray[np.float64]
_PROBES = 5  # rows whose density is recorded
_HYPERPRIOR = (1.0, 1.0)  # of the concentration of a Dirichlet process
_FEWEST_SWEEPS = 50  # of a warm-up whose length is not given
_MOST_ROWS = 1 << 31  # of a table with weights


@other_words(
    {
        "n_components": "components={}",
        "n": "draws={}",
        "n_draws": "draws={}",
        "burn_in": "warmup={}",
        "tune": "warmup={}",
    }
)
@one_blas_thread()
def posterior(
    x: Any,
    components: int | None = None,
    *,
    covariance: str | Structure = "full",
    prior: VariationalPrior | None = None,
    concentration_prior: tuple[float, float] | None = None,
    draws: int = 1000,
    warmup: int | None = None,
    chains: int = 4,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    memory: float = MEMORY,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> PosteriorDraws:
    r"""Draw the parameters of a mixture, the partition of the rows and the number of clusters from their posterior.

    .. math:: w \sim \mathrm{Dirichlet}(\alpha, \dots, \alpha) \text{ or a Dirichlet process}, \qquad
              (\mu_k, \Lambda_k) \sim \text{the prior}, \qquad z_i \sim w, \qquad
              x_i \sim N(\mu_{z_i}, \Lambda_{z_i}^{-1})

    A sweep draws the labels of all rows together given the parameters, in one pass over the rows; proposes to split
    clusters into sub-clusters and to merge clusters, and accepts this by the densities of the rows averaged over the
    parameters; and draws the concentration and the parameters. The first half of the warm-up only looks for partitions
    of a high density. The sampler is that of Chang & Fisher (2013), *Advances in Neural Information Processing Systems*
    26, with splits that are accepted as those of Jain & Neal (2004), *Journal of Computational and Graphical
    Statistics* 13:158, so that the draws are from the exact posterior.

    Parameters
    ----------
    x : a table in memory, as `gmix.fit` takes it, without missing cells.
    components : K of a mixture of K components, some of which may have no rows; None for a Dirichlet process, whose
        number of clusters is unknown.
    covariance : ``"full"``, ``"diag"`` or ``"spherical"``.
    prior : a `VariationalPrior`; None for its defaults. Its `weights` need not be stated: `components` decides.
    concentration_prior : the shape and the rate of a gamma prior of the concentration. None for a fixed concentration
        if the prior states one or there are K components, and for (1, 1) otherwise.
    draws : the number of draws of each chain.
    warmup : the number of sweeps before them; None for half as many as `draws`, and at least 50.
    chains : the number of chains. They start from different numbers of clusters.
    sample_weight : ``(N,)`` whole numbers, or the name of a column. A row of weight 2 is two rows, which have their own
        labels; `PosteriorDraws.labels` are those of all these rows.
    columns : which columns of a DataFrame to use; names for the columns of an array.
    memory : in bytes, for the labels and the parameters of the draws. If they need more, only some draws keep them.
    threads : the most threads to use; the draws have the same bits. None for every processor.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the sweeps that are done and the estimated time left, as in `gmix.fit`.

    Returns
    -------
    A `PosteriorDraws`. After Ctrl-C it has the draws so far, of the chains that have some.

    Raises
    ------
    DataError
        for missing cells, weights that are not whole numbers, and tables that are not in memory.
    ParameterError
        for an invalid argument.

    >>> import gmix
    >>> points = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]
    ... ).sample(100, rng=1)
    >>> draws = gmix.posterior(points, draws=100, chains=2, rng=0)
    >>> max(draws.cluster_probabilities, key=draws.cluster_probabilities.get)
    2
    >>> draws.point_estimate()[:5]
    array([0, 0, 1, 0, 1])
    """
    for name, value, least in (("draws", draws, 1), ("chains", chains, 1)):
        if not is_count(value, least):
            raise ParameterError(f"{name} is {value!r}; give a whole number, {least} or more")
    sweeps = max(draws // 2, _FEWEST_SWEEPS) if warmup is None else warmup
    if not is_count(sweeps, 0):
        raise ParameterError(f"warmup is {warmup!r}; give a number of sweeps, 0 or more, or None")
    source = _checked_source(as_source(x, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory))
    prior = (
        VariationalPrior() if prior is None else of_kind(prior, VariationalPrior, "prior", "a gmix.VariationalPrior")
    )
    partition, structure = _partition(components, prior, concentration_prior), _structure(covariance, source.n_features)
    model = ConjugateComponents(prior.parameters(structure, 1, source.reference(structure.form)))
    rows = _repeated(source)
    generator = as_generator(rng)
    probes = np.sort(generator.choice(len(rows), min(_PROBES, len(rows)), replace=False))
    plan = Plan(rows, model, partition, int(draws), int(sweeps), memory / chains, probes, threads)
    found, interrupted = _run(plan, int(chains), generator, progress)
    return _together(found, plan, structure, source.features, interrupted)


def _after(done: int, advance: Callable[[int], None]) -> Callable[[int], None]:
    """Advance by the sweeps of one chain, after those of the chains before it."""
    return lambda more: advance(done + more)


def _run(plan: Plan, chains: int, rng: np.random.Generator, progress: Reporting) -> tuple[list[ChainDraws], bool]:
    """The draws of all chains, and whether the user interrupted them."""
    found, each = list[ChainDraws](), plan.warmup + plan.draws
    with counting(progress, chains * each, "sweep") as advance:
        for number, generator in enumerate(rng.spawn(chains)):
            try:
                one = run_chain(plan, number, generator, _after(number * each, advance))
            except KeyboardInterrupt:
                if not found:
                    raise
                return found, True
            found.append(one)
            if len(one.log_joint) < plan.draws:
                return found, True
    return found, False


def _together(
    found: list[ChainDraws], plan: Plan, structure: Structure, features: tuple[str, ...] | None, interrupted: bool
) -> PosteriorDraws:
    """All chains, which keep the same draws; without a chain that was interrupted, unless it is the only one."""
    complete = [one for one in found if len(one.log_joint) == len(found[0].log_joint)]
    every = max(one.every for one in complete)
    kept = [slice(every // one.every - 1, None, every // one.every) for one in complete]
    return PosteriorDraws(
        np.stack([one.log_joint for one in complete]),
        np.stack([one.n_clusters for one in complete]),
        np.stack([one.concentration for one in complete]),
        np.stack([one.log_density for one in complete]),
        plan.probes,
        tuple(tuple(one.labels[some]) for one, some in zip(complete, kept, strict=True)),
        tuple(tuple(one.parameters[some]) for one, some in zip(complete, kept, strict=True)),
        every,
        np.array([one.acceptance for one in complete]),
        plan.prior.n_components,
        plan.model,
        structure,
        features,
        interrupted,
    )


def _checked_source(source: Source) -> MemorySource:
    if not isinstance(source, MemorySource):
        raise DataError("posterior needs rows in memory; give a sub-sample of the rows, or more memory")
    if source.missing is not None:
        raise DataError("posterior needs rows without missing cells; drop these rows, or complete them by gmix.impute")
    if source.least_error is not None or source.label_arrays or source.trim:
        raise DataError("posterior needs rows without errors of measurement, labels and trimming")
    return source


def _repeated(source: MemorySource) -> Array:
    """The rows as float64, each as often as its weight says."""
    rows = np.ascontiguousarray(source.array, np.float64)
    if source.weight is None:
        return rows
    counts = np.rint(source.weight)
    if not (counts == source.weight).all() or counts.sum() > _MOST_ROWS:
        raise DataError("the weights of rows must be whole numbers for posterior: a row of weight 2 is two rows")
    return np.repeat(rows, counts.astype(np.intp), axis=0)


def _structure(covariance: str | Structure, n_features: int) -> Structure:
    if as_list(covariance) is not None and not isinstance(covariance, str):
        raise ParameterError("covariance is a list; give one structure: 'full', 'diag' or 'spherical'")
    found = as_structure(covariance).in_columns(n_features)
    if not found.direct or found.form is TIED or found.equal_weights or found.covariance_ratio is not None:
        raise ParameterError(f"there is no sampler for {found.called}; give covariance='full', 'diag' or 'spherical'")
    return found


def _partition(components: int | None, prior: VariationalPrior, hyperprior: Any) -> PartitionPrior:
    if components is not None and not is_count(components):
        raise ParameterError(f"components is {components!r}; give a whole number above zero, or None")
    if components is not None and prior.weights != "dirichlet":
        raise ParameterError("a Dirichlet process has no number of components; leave out components")
    stated = None if prior.concentration is None else np.asarray(prior.concentration)
    if stated is not None and stated.ndim:
        raise ParameterError("posterior needs the same concentration for all components; give one number")
    if hyperprior is not None:
        hyperprior = _checked_hyperprior(hyperprior)
    elif stated is None and components is None:
        hyperprior = _HYPERPRIOR
    default = 1.0 / (components or 1.0)
    if stated is None and hyperprior is not None:
        default = hyperprior[0] / hyperprior[1]
    start = default if stated is None else float(stated)
    return DirichletProcess(start, hyperprior) if components is None else FiniteDirichlet(start, hyperprior, components)


def _checked_hyperprior(given: Any) -> tuple[float, float]:
    pair = as_list(given)
    if pair is None or len(pair) != 2 or not all(is_number(value) and value > 0.0 for value in pair):
        raise ParameterError(f"concentration_prior is {given!r}; give the shape and the rate of a gamma distribution")
    return float(pair[0]), float(pair[1])
