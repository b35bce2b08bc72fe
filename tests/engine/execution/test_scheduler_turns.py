"""The ready queue: every node once, after its inputs, in the order of drawing."""

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


def queue_of(*parents: set[int]) -> ReadyQueue:
    return ReadyQueue(graph_of(*parents), [f"n{i}" for i in range(len(parents))])


@given(st.data())
def test_each_node_is_yielded_once_after_its_inputs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    parents = [
        set(data.draw(st.lists(st.integers(0, i - 1), max_size=3))) if i else set() for i in range(count)
    ]
    ready, under_way, done, seen = queue_of(*parents), [], set(), []
    while True:
        for name in ready:
            assert {f"n{p}" for p in parents[int(name[1:])]} <= done
            under_way.append(name)
            seen.append(name)
        if not under_way:
            break
        name = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        done.add(name)
        ready.mark_done(name)
    assert sorted(seen) == sorted(f"n{i}" for i in range(count))


def test_one_worker_goes_in_the_order_of_drawing() -> None:
    ready = queue_of(set(), {0}, set(), {1, 2})
    assert list(ready) == ["n0", "n2"]
    ready.mark_done("n2")
    ready.mark_done("n0")
    assert list(ready) == ["n1"]


def test_what_needs_a_lost_node_does_not_wait_for_the_others() -> None:
    ready = queue_of(set(), set(), {0, 1})
    assert list(ready) == ["n0", "n1"]
    ready.mark_done("n0", lost=True)
    assert list(ready) == ["n2"]
    ready.mark_done("n2", lost=True)
    ready.mark_done("n1")
    assert list(ready) == []


def test_a_value_is_unused_when_the_last_that_needs_it_is_settled() -> None:
    ready = queue_of(set(), {0}, {0})
    assert list(ready) == ["n0"]
    assert ready.mark_done("n0") == []
    assert list(ready) == ["n1", "n2"]
    assert ready.mark_done("n1") == ["n1"]
    assert ready.mark_done("n2") == ["n2", "n0"]


def test_a_damaged_result_is_waited_for_and_those_that_are_done_do_not_run_again() -> None:
    ready = queue_of(set(), {0}, {0}, {1, 2})
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    assert list(ready) == ["n1", "n2"]
    ready.mark_done("n1")
    ready.mark_undone("n0")  # n2 found it damaged
    ready.requeue("n2")
    assert list(ready) == ["n0"]
    assert ready.mark_done("n0") == [], "n2 still needs it"
    assert list(ready) == ["n2"]
    assert ready.mark_done("n2") == ["n0"]
    assert list(ready) == ["n3"]


def test_a_node_that_was_ready_waits_again_for_an_input_that_is_marked_undone() -> None:
    ready = queue_of(set(), {0})
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    ready.mark_undone("n0")  # n1 was next
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    assert list(ready) == ["n1"]
