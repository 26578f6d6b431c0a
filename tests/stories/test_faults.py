"""What the page on faults promises: clocks that jump and clusters that go away. Other tests are named on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_exists() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_a_jump_of_the_clock_changes_no_limit_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    quiet = gmix.fit(rows, [1, 2], covariance="full", seconds=60, rng=0)
    jumps = iter(range(0, 10**9, 10**6))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    jumped = gmix.fit(rows, [1, 2], covariance="full", seconds=60, rng=0)
    assert jumped.history == quiet.history
    assert jumped.reason == quiet.reason
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"\btime\.time\(|datetime\.now|\.utcnow", path.read_text(encoding="utf-8")), path
    for path in (ROOT / "native").rglob("*pp"):
        assert not re.search(r"system_clock|high_resolution_clock|gettimeofday", path.read_text(encoding="utf-8")), path


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_goes_away_during_a_pass_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed, array = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    from gmix.sources.dask import DaskSource

    rows = array.from_array(np.random.default_rng(0).normal(size=(200, 2)), chunks=(100, 2))
    ask, passes = DaskSource.ask, [0]
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):

        def leaving(self: Any, task: Any, join: Any = None) -> list[bytes]:
            def slow(number: int, blocks: Any) -> bytes:
                time.sleep(1.0)
                return bytes(task(number, blocks))

            passes[0] += 1
            if passes[0] != 3:
                return ask(self, task, join)
            threading.Timer(0.3, cluster.close).start()
            return ask(self, slow, join)

        monkeypatch.setattr(DaskSource, "ask", leaving)
        with pytest.raises(gmix.ClusterError, match=r"Dask could not finish a pass .* workers can be reached"):
            gmix.fit(rows, 1, covariance="full")
    assert passes[0] == 3


FORKED = """
import os
import numpy as np
import gmix

rows = np.random.default_rng(0).normal(size=(50_000, 3))

def fit():
    return gmix.fit(rows, 3, covariance="full", threads=2, rng=0, max_iterations=4).history

def child():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if fit() == whole else 3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

whole = fit()
assert child() == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_fits_to_the_same_bits() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=True, timeout=600)


IN_ANOTHER_INTERPRETER = """
import sys
import gmix
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
code = "import gmix; gmix.fit([[0.0], [1.0]], 1)"
try:
    failed = interpreters.exec(other, code) if sys.version_info >= (3, 13) else interpreters.run_string(other, code)
except Exception as error:
    failed = error
assert "ImportError" in repr(failed), failed
print(gmix.fit([[0.0], [1.0]], 1).mixture.means)
"""


def test_a_second_interpreter_of_a_process_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_INTERPRETER],
        check=True, timeout=600, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "[[0.5]]\n"
