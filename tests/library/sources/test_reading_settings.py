"""What the author says of a source, in Python, in settings.toml and on the command line."""

from pathlib import Path

import pytest

from magical.errors import SettingsError
from projects import NO_TRACKING, Small, is_well_worded, project

FLOW = """
from magical import Frame, InputPath, Settings, step, workflow
from magical.library import Reading, ingest


class FlowSettings(Settings):
    source: InputPath = InputPath("x.csv")
    reading: Reading = Reading(header=3)


@step
def table(raw: Frame) -> list[tuple[str | None, ...]]:
    return [tuple(raw.columns), *raw.rows()]


@workflow
def flow(s: FlowSettings) -> list[tuple[str | None, ...]]:
    return table(ingest(s.source, s.reading))
"""
FILE = "Stock,\nnew,\narticle,pieces\n,pcs\nA,5\nB,-\nTotal,5\n"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return project(tmp_path, {"workflow.py": FLOW, "x.csv": FILE})


def rows(small: Small, **settings: object) -> list[tuple[str | None, ...]]:
    return [tuple(row) for row in small.run(**settings)["table"]]


def test_a_reading_in_the_class_of_settings_is_used(small: Small) -> None:
    assert rows(small) == [("article", "pieces"), ("A", "5"), ("B", "-")]


def test_settings_toml_changes_single_options(small: Small) -> None:
    small.write("settings.toml", f'{NO_TRACKING}[reading]\nskip_footer = 1\nnulls = ["-", "n/a"]\n')
    assert rows(small) == [("article", "pieces"), ("A", "5"), ("B", None)]
    small.write(
        "settings.toml", f"{NO_TRACKING}[reading]\nheader = 2\nskip_after_header = 2\nskip_footer = 0\n"
    )
    assert rows(small) == [("new", "unnamed_2"), ("A", "5"), ("B", "-"), ("Total", "5")]


@pytest.mark.slow
def test_a_change_of_an_option_runs_the_reading_again(small: Small) -> None:
    assert small.ran() == ["ingest", "table"]
    assert small.ran() == []
    assert small.ran(reading={"skip_footer": 0}) == ["ingest", "table"]


def test_the_command_line_takes_an_option(small: Small) -> None:
    answer = small.command("run", "reading.header=9")
    assert answer.code == 1
    assert "x.csv has 7 lines, so header=9 names none of them" in answer.out + answer.err


def test_an_unknown_option_is_named_with_the_nearest(small: Small) -> None:
    small.write("settings.toml", f"{NO_TRACKING}[reading]\nskip_foter = 1\n")
    with pytest.raises(SettingsError, match="did you mean 'skip_footer'") as error:
        small.run()
    assert is_well_worded(str(error.value))


def test_one_mark_for_two_roles_is_refused(small: Small) -> None:
    small.write("settings.toml", f'{NO_TRACKING}[reading]\ndecimal = ","\nthousands = ","\n')
    with pytest.raises(SettingsError, match="decimal and thousands are the same mark, ','") as error:
        small.run()
    assert is_well_worded(str(error.value))
