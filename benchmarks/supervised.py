"""Classification compared with scikit-learn's discriminant analyses, and the time of regression for many rows.

python benchmarks/supervised.py            # accuracy and log loss in 10-fold cross-validation; a million rows
python benchmarks/supervised.py --rows N   # another number of rows
python benchmarks/supervised.py --tables iris wine

Log loss is the mean of ``-log P(y | x)`` in nats; smaller is better. Times are seconds of processor time: of one fit,
and of a prediction for all rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from gmix.sklearn import GaussianMixtureClassifier, GaussianMixtureRegressor

TABLES = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}
LOG_LOSS, MOST_ROWS = "gmix, log loss", 1000  # of the slowest of them
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "gmix": lambda: GaussianMixtureClassifier(random_state=0),
    LOG_LOSS: lambda: GaussianMixtureClassifier(criterion="log_loss", random_state=0),
    "gmix, EDDA": lambda: GaussianMixtureClassifier(model="edda", random_state=0),
    "gmix, MclustDA": lambda: GaussianMixtureClassifier(model="mclustda", random_state=0),
    "LDA": LinearDiscriminantAnalysis,
    "QDA": QuadraticDiscriminantAnalysis,
    "naive Bayes": GaussianNB,
}


def classify(name: str) -> None:
    """Print accuracy, log loss and seconds of each classifier on a table."""
    x, y = TABLES[name](return_X_y=True)
    print(f"\n{name}, {x.shape[0]} x {x.shape[1]}, {len(np.unique(y))} classes")
    for called, make in CLASSIFIERS.items():
        if called == LOG_LOSS and len(y) > MOST_ROWS:
            continue
        found, began = np.empty((len(y), len(np.unique(y)))), time.process_time()
        try:
            for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(x, y):
                found[test] = make().fit(x[train], y[train]).predict_proba(x[test])
        except np.linalg.LinAlgError as error:
            print(f"  {called:16} {error}".splitlines()[0])
            continue
        seconds, right = (time.process_time() - began) / 10, (found.argmax(1) == y).mean()
        print(f"  {called:16} accuracy {right:.3f}   log loss {log_loss(y, found):7.3f}   {seconds:7.2f} s", flush=True)


def regress(n: int) -> None:
    """Print the processor time of each question to a regressor, for four columns, five components and one target."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)) + 3.0 * (rng.random((n, 1)) < 0.5)
    y = np.abs(x[:, 0]) + 0.3 * x[:, 1] * x[:, 2] + rng.normal(0.0, 0.1, n)
    some = slice(0, 20_000)
    regressor = GaussianMixtureRegressor(5, covariance_type="full", effort=0.0, random_state=0).fit(x[some], y[some])
    print(f"\nregression, {n:,} x 4, 5 components, 1 target")
    questions: dict[str, Callable[[], Any]] = {
        "mean": lambda: regressor.predict(x),
        "mean and standard deviation": lambda: regressor.predict(x, return_std=True),
        "median": lambda: regressor.quantile(x, 0.5),
        "95 % quantile": lambda: regressor.quantile(x, 0.95),
        "a draw": lambda: regressor.sample(x),
        "log density": lambda: regressor.log_density(x, y),
    }
    for called, ask in questions.items():
        began, wall = time.process_time(), time.perf_counter()
        ask()
        print(f"  {called:28} {time.process_time() - began:6.2f} s of processor {time.perf_counter() - wall:6.2f} s")
    began, few = time.process_time(), 1000
    for row in x[:few]:
        _ = regressor.mixture_.condition(dict(enumerate(row))).mean
    print(f"  row by row, by condition     {(time.process_time() - began) / few * n:6.1f} s of processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tables", nargs="*", choices=[*TABLES], default=[*TABLES])
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of scikit-learn, about columns that are collinear
    regress(options.rows)
    for name in options.tables:
        classify(name)


if __name__ == "__main__":
    main()
