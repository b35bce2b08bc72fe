"""What steps tell: nothing outside a run, and the warnings of estimators as lines of the log."""

import threading
import warnings

import numpy as np
import pytest

from library.conftest import Run
from magical.estimators import QuantileBins
from magical.events import Progress
from magical.library.remarks import log_warnings, progress, warn


def test_outside_a_run_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    warn("careful")
    progress(1, 2)
    with log_warnings():
        warnings.warn("odd", UserWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "")


def test_inside_a_run_it_is_told(run: Run) -> None:
    warn("careful")
    progress(1, 2, "half")
    assert run.warnings == ["careful"]
    assert Progress(step="step", done=1, total=2, text="half") in run.events


def test_a_warning_is_told_once(run: Run) -> None:
    with log_warnings():
        for _ in range(3):
            warnings.warn("did not\n converge", RuntimeWarning, stacklevel=1)
    assert run.warnings == ["RuntimeWarning: did not converge"]


def test_equal_quantiles_are_no_news(run: Run) -> None:
    with log_warnings():
        QuantileBins(4).fit(np.array([[1.0], [1.0], [1.0], [2.0]]))
    assert run.warnings == []


def test_warnings_are_as_they_were_afterwards() -> None:
    before = (list(warnings.filters), warnings.showwarning)
    with log_warnings(), log_warnings():
        pass
    assert (list(warnings.filters), warnings.showwarning) == before
    with pytest.raises(UserWarning, match="odd"):
        warnings.warn("odd", UserWarning, stacklevel=1)


def test_an_error_goes_through() -> None:
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), log_warnings():
        1 / 0
    assert list(warnings.filters) == before


def test_threads_that_overlap_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with log_warnings():
            first_in.set()
            second_in.wait(5)
        first_out.set()

    def second() -> None:
        first_in.wait(5)
        with log_warnings():
            second_in.set()
            first_out.wait(5)
            warnings.warn("still quiet", UserWarning, stacklevel=1)

    threads = [threading.Thread(target=t) for t in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
