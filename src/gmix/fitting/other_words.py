"""Arguments of scikit-learn's class and of mclust's function, and what to give to `gmix.fit` instead."""

__all__ = ["OTHER_WORDS"]

_COUNT = "components={}"
_START = "start=, such as a mixture or labels"

OTHER_WORDS = {
    "n_components": _COUNT, "k": _COUNT, "K": _COUNT, "G": _COUNT,
    "covariance_type": "covariance={}", "modelNames": "covariance={}",
    "n_factors": "factors={}", "q": "factors={}",
    "tol": "tolerance={}",
    "max_iter": "max_iterations={}",
    "n_init": "effort=, which scales the search for the best optimum",
    **dict.fromkeys(("init_params", "weights_init", "means_init", "precisions_init", "warm_start"), _START),
    "reg_covar": "prior=gmix.NormalInverseWishart()",
}  # fmt: skip
