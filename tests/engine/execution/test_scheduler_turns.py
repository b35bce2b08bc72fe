"""Whose turn it is: every node once, after what it needs, in the order in which they were drawn."""

from hypothesis import given
from hypothesis import strategies as st

from magical.engine.execution.scheduler import ReadyQueue
from magical.graph import Graph, Node
from magical.refs import Link

PROMISE = {"kind": "value", "text": "int"}


def graph_of(*parents: set[int]) -> Graph:
    """A graph in which node n takes the results of ``parents[n]``."""
    nodes = [
        Node(f"n{i}", "w:f", "", "", {"x": tuple(Link(f"n{p}") for p in sorted(given))}, PROMISE)
        for i, given in enumerate(parents)
    ]
    return Graph("w", tuple(nodes))


def turns_of(*parents: set[int]) -> ReadyQueue:
    return ReadyQueue(graph_of(*parents), [f"n{i}" for i in range(len(parents))])


@given(st.data())
def test_each_has_one_turn_after_all_that_it_needs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    parents = [
        set(data.draw(st.lists(st.integers(0, i - 1), max_size=3))) if i else set() for i in range(count)
    ]
    turns, under_way, done, seen = turns_of(*parents), [], set(), []
    while True:
        for name in turns:
            assert {f"n{p}" for p in parents[int(name[1:])]} <= done
            under_way.append(name)
            seen.append(name)
        if not under_way:
            break
        name = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        done.add(name)
        turns.mark_done(name)
    assert sorted(seen) == sorted(f"n{i}" for i in range(count))


def test_one_worker_goes_in_the_order_of_drawing() -> None:
    turns = turns_of(set(), {0}, set(), {1, 2})
    assert list(turns) == ["n0", "n2"]
    turns.mark_done("n2")
    turns.mark_done("n0")
    assert list(turns) == ["n1"]


def test_what_needs_a_lost_node_does_not_wait_for_the_others() -> None:
    turns = turns_of(set(), set(), {0, 1})
    assert list(turns) == ["n0", "n1"]
    turns.mark_done("n0", lost=True)
    assert list(turns) == ["n2"]
    turns.mark_done("n2", lost=True)
    turns.mark_done("n1")
    assert list(turns) == []


def test_a_value_is_unused_when_the_last_that_needs_it_is_settled() -> None:
    turns = turns_of(set(), {0}, {0})
    assert list(turns) == ["n0"]
    assert turns.mark_done("n0") == []
    assert list(turns) == ["n1", "n2"]
    assert turns.mark_done("n1") == ["n1"]
    assert turns.mark_done("n2") == ["n2", "n0"]


def test_a_damaged_result_is_waited_for_and_those_that_are_done_do_not_run_again() -> None:
    turns = turns_of(set(), {0}, {0}, {1, 2})
    assert list(turns) == ["n0"]
    turns.mark_done("n0")
    assert list(turns) == ["n1", "n2"]
    turns.mark_done("n1")
    turns.mark_undone("n0")  # n2 found it damaged
    turns.requeue("n2")
    assert list(turns) == ["n0"]
    assert turns.mark_done("n0") == [], "n2 still needs it"
    assert list(turns) == ["n2"]
    assert turns.mark_done("n2") == ["n0"]
    assert list(turns) == ["n3"]


def test_who_had_its_turn_before_it_missed_something_waits_for_it() -> None:
    turns = turns_of(set(), {0})
    assert list(turns) == ["n0"]
    turns.mark_done("n0")
    turns.mark_undone("n0")  # n1 was next
    assert list(turns) == ["n0"]
    turns.mark_done("n0")
    assert list(turns) == ["n1"]
