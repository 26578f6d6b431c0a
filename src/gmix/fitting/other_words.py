"""Arguments of scikit-learn's class and of mclust's function, and what to give to `gmix.fit` instead."""

__all__ = ["OTHER_WORDS"]

_COUNT, _SEED = "components={}", "rng={}"
_START = "start=, such as a mixture or labels"

OTHER_WORDS = {
    "n_components": _COUNT, "k": _COUNT, "K": _COUNT, "G": _COUNT,
    "covariance_type": "covariance={}", "modelNames": "covariance={}",
    "n_factors": "factors={}", "q": "factors={}",
    "random_state": _SEED, "seed": _SEED,
    "tol": "tolerance={}",
    "max_iter": "max_iterations={}",
    "weights": "sample_weight={}",
    "verbose": "progress=, a function or False",
    "n_init": "effort=, which scales the search for the best optimum",
    **dict.fromkeys(("init_params", "weights_init", "means_init", "precisions_init", "warm_start"), _START),
    "reg_covar": "prior=gmix.NormalInverseWishart()",
}  # fmt: skip
