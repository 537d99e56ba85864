import signal

import pytest

from sr2tflite.bench.ending import ending_is_an_interrupt


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_end_is_an_interrupt_and_handlers_are_as_before(how):
    found = signal.signal(how, signal.SIG_DFL)  # whoever runs the tests may ignore it
    try:
        with pytest.raises(KeyboardInterrupt), ending_is_an_interrupt():
            signal.raise_signal(how)
        assert signal.getsignal(how) is signal.SIG_DFL
    finally:
        signal.signal(how, found)


def test_a_terminal_that_closes_ends_nothing_that_nohup_started():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_is_an_interrupt():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
