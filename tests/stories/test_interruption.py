"""Ctrl-C during compiled work: a real signal, in a process of its own, once the work is under way."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("gmix._native")

# Runs one compiled function, and sends SIGINT when the main thread has computed in it for a tenth of a second, many
# times what a pass takes. Prints the seconds of computing from the signal to the answer.
PROLOGUE = """
import os, signal, sys, threading, time
import numpy as np
import gmix
from gmix.model.kernel import kernel
from gmix.model.stopping import StoppingRule

ENDLESS = (-1.0, None, 0.0, 1e300, -1.0, 10**15, False, True)  # under this rule a run ends only by Ctrl-C
StoppingRule.numbers = lambda self, n_rows: ENDLESS
main, compiled, started, sent = time.pthread_getcpuclockid(threading.get_ident()), {}, threading.Event(), []

def computed():
    return time.clock_gettime(main)

def interrupt():
    started.wait()
    begun = computed()
    while computed() < begun + 0.1:
        time.sleep(0.005)
    sent.append(computed())
    os.kill(os.getpid(), signal.SIGINT)

def interrupted_in(name):
    function = getattr(kernel.native, name)
    def call(*arguments):
        started.set()
        return function(*arguments)
    setattr(kernel.native, name, call)
    threading.Thread(target=interrupt, daemon=True).start()

def answered():
    assert sent, "the work ended before the signal"
    assert computed() - sent[0] < 1.0, f"answered after {computed() - sent[0]} s"
    print("answered")

rng = np.random.default_rng(0)
"""


def run(story: str) -> None:
    program = PROLOGUE + textwrap.dedent(story)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "answered\n"


@pytest.mark.parametrize(
    ("rows", "columns", "threads"), [(20, 2, 1), (30_000, 3, 1), (30_000, 3, 2)], ids=["tiny", "one thread", "two"]
)
def test_a_fit_returns_the_best_so_far(rows: int, columns: int, threads: int) -> None:
    run(f"""
        x = rng.standard_normal(({rows}, {columns}))
        interrupted_in("run")
        fit = gmix.fit(x, covariance="full", start=rng.integers(0, 2, len(x)), threads={threads}, progress=False)
        answered()
        assert fit.reason is gmix.Reason.INTERRUPTED
        assert "interrupted" in [finding.name for finding in fit.findings]
        assert len(fit.history) > 2
        [statistics] = gmix.expect(x, [fit.mixture])
        assert abs(statistics.log_likelihood - fit.log_likelihood) < 1e-9 * abs(fit.log_likelihood)
    """)


def test_seeding_is_interrupted() -> None:
    run("""
        x = rng.standard_normal((100_000, 30))
        interrupted_in("cluster")
        try:
            kernel.cluster(x, np.ones(len(x)), 40, rng.random((2000, 9)))
        except KeyboardInterrupt:
            answered()
    """)


def test_an_exception_of_another_signal_is_raised() -> None:
    run("""
        def late(*_):
            raise TimeoutError("enough")
        signal.signal(signal.SIGINT, late)
        x = rng.standard_normal((1000, 2))
        interrupted_in("run")
        try:
            gmix.fit(x, covariance="full", start=rng.integers(0, 2, len(x)), progress=False)
        except TimeoutError:
            answered()
    """)
