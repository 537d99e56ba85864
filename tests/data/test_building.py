"""The cache is written as a stream: given LR images, files that are left out, full disks, kills, other processes."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sr2tflite.data import contents
from sr2tflite.data.cache import MOST_NAMED, ImageCache, open_cache
from sr2tflite.data.images import write_image
from sr2tflite.data.pairs import OtherScaleError
from sr2tflite.errors import InputError, StorageError
from sr2tflite.files import cache_folder, sha256

RNG = np.random.default_rng(3)
OPEN = """
import sys
from pathlib import Path
from sr2tflite.cli import status_of
from sr2tflite.cli.watch import watching
from sr2tflite.data import contents
from sr2tflite.data.cache import open_cache
contents.WORTH_SAYING = 0
with watching(False) as progress:
    sys.exit(status_of(lambda: print(len(open_cache([Path(sys.argv[1])], 3, progress)))))
"""


def _noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    for name in "abc":
        write_image(tmp_path / "given" / "HR" / f"{name}.png", _noise(60, 63))
        write_image(tmp_path / "given" / "LR" / "X3" / f"{name}x3.png", _noise(20, 21))
    return tmp_path / "given"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(8):
        write_image(tmp_path / "photos" / f"{index}.png", _noise(300, 400))
    return tmp_path / "photos"


class _Told:
    def __init__(self) -> None:
        self.remarks: list[tuple[str, str]] = []

    def __call__(self, what: str, _done: int, total: int, detail: str = "") -> None:
        if total == 0:
            self.remarks.append((what, detail))


def _left_out(folder: Path) -> tuple[ImageCache, list[str]]:
    told = _Told()
    cache = open_cache([folder], 3, told)
    return cache, [detail for what, detail in told.remarks if what == "left out"]


def test_given_lr_images_are_what_is_trained_on_and_hr_files_what_is_remembered(given: Path) -> None:
    from sr2tflite.data.images import read_image

    cache = open_cache([given], 3)
    for index, name in enumerate("abc"):
        assert (cache.lr(index) == read_image(given / "LR" / "X3" / f"{name}x3.png")).all()
        assert (cache.hr(index) == read_image(given / "HR" / f"{name}.png")).all()
        assert cache.entries[index].sha256 == sha256((given / "HR" / f"{name}.png").read_bytes())


def test_another_lr_image_makes_another_cache(given: Path) -> None:
    before = open_cache([given], 3)
    write_image(given / "LR" / "X3" / "bx3.png", _noise(20, 21))
    assert open_cache([given], 3).path != before.path
    assert open_cache([given / "HR"], 3).path != before.path


BAD = {
    "a missing LR image": (lambda lr: lr.unlink(), "HR/b.png: has no partner"),
    "a damaged LR image": (lambda lr: lr.write_bytes(lr.read_bytes()[:500]), "bx3.png: does not decode"),
    "an LR image of no scale": (lambda lr: write_image(lr, _noise(20, 25)), "bx3.png: is 20×25"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_bad_partner_is_named_and_its_pair_left_out(case: str, given: Path) -> None:
    damage, message = BAD[case]
    damage(given / "LR" / "X3" / "bx3.png")
    for _ in range(2):  # built, and read again
        cache, told = _left_out(given)
        assert [entry.name for entry in cache.entries] == ["a.png", "c.png"]
        assert tuple(told) == cache.skipped
        assert len(told) == 1
        assert message in told[0]


def test_an_lr_image_of_another_scale_stops_it_and_leaves_nothing(given: Path) -> None:
    write_image(given / "LR" / "X3" / "cx3.png", _noise(30, 31))
    with pytest.raises(OtherScaleError, match=r"cx3\.png: is 30×31, .*made for ×2; expected 20×21 at scale 3"):
        open_cache([given], 3)
    assert os.listdir(cache_folder()) == []


def test_a_folder_without_one_pair_is_refused(given: Path) -> None:
    for path in (given / "LR" / "X3").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    with pytest.raises(InputError, match=r"a\.png: has no partner, nor has any other image"):
        open_cache([given], 3)


def test_many_bad_files_are_counted_not_listed(given: Path) -> None:
    for index in range(MOST_NAMED + 5):
        (given / "HR" / f"{index}.png").write_bytes(b"broken")
    cache, told = _left_out(given)
    assert len(cache.skipped) == MOST_NAMED + 5
    assert (len(told), told[-1]) == (MOST_NAMED + 1, "5 files more")


def test_the_room_is_told_before_it_is_taken(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "WORTH_SAYING", 10**6)
    told = _Told()
    path = open_cache([photos], 3, told).path
    ((what, detail),) = told.remarks
    assert what == "decoding"
    assert "8 training images, once, into about 3.2 MB" in detail
    assert path.stat().st_size == pytest.approx(3.2e6, rel=0.01)
    told.remarks.clear()
    open_cache([photos], 3, told)
    assert told.remarks == []


def test_too_little_room_is_refused_before_anything_is_written(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(StorageError, match=r"has 1\.0 MB left; expected 3\.2 MB for 8 decoded images") as caught:
        open_cache([photos], 3)
    assert "SR2TFLITE_CACHE" in str(caught.value.hint)
    assert os.listdir(cache_folder()) == []


def _child(photos: Path, *before: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [*before, sys.executable, "-c", OPEN, str(photos)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def test_a_file_that_may_not_grow_is_an_error_and_leaves_nothing(photos: Path) -> None:
    limit = 10**6
    done = _child(photos, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 3, done.stderr
    assert "cannot write: File too large" in done.stderr
    assert "export SR2TFLITE_CACHE" in done.stderr
    assert os.listdir(cache_folder()) == []


def test_a_disk_that_fills_meanwhile_is_an_error_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    """On a real file system of 2 MB; the images decode to more than the first ones promise."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=2m none "{small}" && "$@"; status=$?; ls -A "{small}" >&2; exit $status'
    inside = ["unshare", "-rm", "sh", "-c", mount, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("file systems cannot be mounted here")
    for index in range(8, 80):
        write_image(photos / f"{index:02}x.png", np.full((300, 400, 3), index, np.uint8))
    for index in (0, 10, 20, 30, 40, 50, 60, 70):  # those that are looked at beforehand
        sorted(photos.iterdir())[index].write_bytes(b"broken")
    done = _child(photos, *inside, env={**os.environ, "SR2TFLITE_CACHE": str(small)})
    assert done.returncode == 3, done.stderr
    assert "cannot write: No space left on device" in done.stderr
    assert done.stderr.rstrip().endswith("export SR2TFLITE_CACHE=DIR")  # and no file is listed after it


def test_what_a_kill_left_is_gone_after_the_next_try(photos: Path) -> None:
    for index in range(200):
        shutil.copy(photos / "0.png", photos / f"copy{index}.png")
    child = subprocess.Popen([sys.executable, "-c", OPEN, str(photos)])
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in cache_folder().glob(".*")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(list(cache_folder().glob(".*.u8.torn-*"))) == 1
    cache = open_cache([photos], 3)
    assert len(cache) == 208
    assert sorted(os.listdir(cache_folder())) == sorted([cache.path.name, cache.path.with_suffix(".json").name])


def test_two_processes_build_it_once(photos: Path) -> None:
    for index in range(40):
        shutil.copy(photos / "0.png", photos / f"copy{index}.png")
    command = [sys.executable, "-c", OPEN, str(photos)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [child.communicate(timeout=120) for child in both]
    assert [out for out, _ in ends] == ["48\n", "48\n"]
    assert sum("decoding: 48 training images" in err for _, err in ends) == 1


DAMAGE = {
    "no data": lambda path: path.unlink(),
    "cut data": lambda path: os.truncate(path, 100),
    "no index": lambda path: path.with_suffix(".json").unlink(),
    "a damaged index": lambda path: path.with_suffix(".json").write_text('{"scale": 3'),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_cache_is_made_again(case: str, photos: Path) -> None:
    path = open_cache([photos], 3).path
    whole = path.read_bytes()
    DAMAGE[case](path)
    again = open_cache([photos], 3)
    assert (len(again), again.path.read_bytes() == whole) == (8, True)


MEASURED = (
    OPEN
    + """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
)


def _peak_kib(folder: Path) -> int:
    program = MEASURED.replace("sys.exit(", "print(")
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_the_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    peaks = []
    for name, count in (("few", 30), ("many", 230)):
        for index in range(count):
            write_image(tmp_path / name / f"{index:03}.png", np.full((600, 600, 3), index, np.uint8))
        peaks.append(_peak_kib(tmp_path / name))
    decoded = 200 * 600 * 600 * 3 * 10 // 9 // 1024
    assert peaks[1] - peaks[0] < 0.1 * decoded
