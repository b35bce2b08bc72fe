"""The peak of a block is known, or a limit of it, or it is said that blocks shared the memory."""

import mmap

from magical.engine.execution.memory_use import measure_memory

SIZE = 64 << 20


def fill(size: int) -> None:
    with mmap.mmap(-1, size) as pages:
        for place in range(0, size, 4096):
            pages[place] = 1


def test_a_new_peak_is_known_and_a_smaller_one_has_a_limit() -> None:
    with measure_memory() as first:
        fill(size := SIZE)
    while "peak" not in first:  # an earlier test of this process needed more
        with measure_memory() as first:
            fill(size := size + SIZE)
    counted_late = 1 << 20  # pages of each processor's own batch
    assert first["peak"] > first["before"] + size - counted_late
    with measure_memory() as second:
        fill(1 << 20)
    assert second == {"before": second["before"], "limit": first["peak"]}


def test_blocks_at_the_same_time_are_told_apart_from_those_alone() -> None:
    with measure_memory() as outer, measure_memory() as inner:
        pass
    assert set(outer) == set(inner) == {"before", "limit", "shared"}
    with measure_memory() as alone:
        pass
    assert "shared" not in alone
