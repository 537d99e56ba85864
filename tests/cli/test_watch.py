"""Progress where there is no terminal."""

import pytest

from sr2tflite.cli import watch


def test_a_line_says_how_long_the_rest_takes_at_the_pace_of_this_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    with watch.watching(False) as progress:
        # resumed at 500; the second step after ten seconds tells the pace: 10 steps in 12 s
        for now, done in ((1.0, 500), (13.0, 510), (14.0, 511), (1201.0, 1500), (1220.0, 2000)):
            clock[0] = now
            progress("training", done, 2000, "loss 0.5")
    assert capsys.readouterr().err.splitlines() == [
        "training 510/2000 (30 min left) loss 0.5",
        "training 1500/2000 (10 min left) loss 0.5",
        "training 2000/2000 (0 s left) loss 0.5",
    ]
