"""Files appear whole or not at all: on a full disk, in a process that is killed, and beside another writer."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gmix
from gmix import ModelFileError, ParameterError
from gmix.base.atomic_write import atomic_write

FIT = gmix.fit(np.arange(60.0).reshape(30, 2), 1, covariance="spherical")

# Writes every kind of file where none may grow beyond 300 bytes, as on a full disk, and prints what was raised.
FULL = """
import resource, sys
from pathlib import Path
import numpy as np
import gmix
from gmix.plot.file import save_figure
from gmix.report import report

folder = Path(sys.argv[1])
rows = np.arange(600.0).reshape(300, 2)
fit = gmix.fit(rows, 1, covariance="spherical")
figure = fit.plot(rows).figure
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
for name in sorted(path.name for path in folder.iterdir()):
    path, ending = folder / name, name.rsplit(".")[-1]
    try:
        if ending == "json":
            fit.save(path)
        elif ending == "html":
            report(fit, path, rows)
        elif ending in ("png", "svg", "pdf"):
            save_figure(figure, path)
        else:
            gmix.predict_to(fit.mixture, rows, path, probabilities=True)
    except gmix.GmixError as error:
        print(type(error).__name__, error)
"""
NAMES = ["a.arrow", "a.csv", "a.html", "a.json", "a.parquet", "a.pdf", "a.png", "a.svg"]


def test_on_a_full_disk_what_was_there_stays_and_the_error_is_gmixs_own(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("before")
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name, line in zip(NAMES, done.stdout.splitlines(), strict=True):
        kind = "ModelFileError" if name.endswith("json") else "ParameterError"
        assert line.startswith(f"{kind} {tmp_path / name} cannot be written (File too large)")
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    assert all((tmp_path / name).read_text() == "before" for name in NAMES)


CHECKPOINT = """
import resource, sys
import numpy as np
import gmix

rows = np.random.default_rng(0).standard_normal((300, 2))
if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    print(gmix.fit(rows, 2, rng=0, checkpoint=sys.argv[1], resume=True).history[-1])
except gmix.ModelFileError as error:
    print(error)
"""


def test_a_checkpoint_that_found_no_room_is_resumed(tmp_path: Path) -> None:
    def run(path: Path, disk: str) -> str:
        command = [sys.executable, "-c", CHECKPOINT, str(path), disk]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    path = tmp_path / "checkpoint"
    assert run(path, "full") == (
        f"the checkpoint {path} cannot be written (File too large); make room there, and resume the fit\n"
    )
    assert run(path, "free") == run(tmp_path / "other", "free")


def test_a_full_device_says_so(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with pytest.raises(ModelFileError, match=r"/dev/full cannot be written \(No space left on device\); make room"):
        FIT.save("/dev/full")
    (tmp_path / "a.png").symlink_to("/dev/full")
    command = [sys.executable, "-m", "gmix", "fit", "-", "--components", "1", "--plot", str(tmp_path / "a.png")]
    rows = "a,b\n1,2\n3,5\n7,4\n"
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        f"gmix: {tmp_path / 'a.png'} cannot be written (No space left on device); make room there, "
        "or name a file elsewhere\n",
    )


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_passes_on_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "model.json"
    path.touch()
    path.chmod(mode)
    with atomic_write(path, ParameterError) as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600  # nobody else reads what is not there yet
        draft.write_text("after")
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == mode


KILLED = """
import os, signal, sys
from gmix import ParameterError
from gmix.base.atomic_write import atomic_write

with atomic_write(sys.argv[1], ParameterError) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_save_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    path, other = tmp_path / "model.json", tmp_path / ".model.json.0123456z"
    other.touch()
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 2  # the second cleared what the first left
    FIT.save(path)
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_a_save_leaves_alone_what_another_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with atomic_write(path, ParameterError) as draft:
        draft.write_text("slow")
        FIT.save(path)
        assert gmix.load(path).n_rows == FIT.n_rows
    assert path.read_text() == "slow"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_of_readers_and_of_the_writers_own_pass_unchanged(tmp_path: Path) -> None:
    for error in (BrokenPipeError(), TimeoutError(), ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)), atomic_write(tmp_path / "a", ParameterError):
            raise error
    assert list(tmp_path.iterdir()) == []
