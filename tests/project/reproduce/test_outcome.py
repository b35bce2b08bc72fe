"""The outcome of a reproduction in words, in one line, and as JSON."""

import json

import pytest

from magical.project.reproduce.drift import Change
from magical.project.reproduce.fingerprint_diff import DIFFERS, NEARLY, SAME, UNKNOWN
from magical.project.reproduce.outcome import LEFT_OUT, ReproducedStep, Reproduction, format_changes

EDIT = Change("code", "workflow.RATE was edited", ("taxed",))


def reproduction(*levels: str, changes: tuple[Change, ...] = ()) -> Reproduction:
    steps = tuple(ReproducedStep(f"s{i}", level, ("why",)) for i, level in enumerate(levels))
    return Reproduction("shop", "run-1", changes, steps, 1.5)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (ReproducedStep("s", NEARLY, ("x differs",)), "s agrees to 1e-9: x differs."),
        (
            ReproducedStep("s", UNKNOWN, ("no table",), "It is random."),
            "s not compared: no table. It is random.",
        ),
        (ReproducedStep("s", DIFFERS, tuple("abcd")), "s differs: a; b; c; d."),
        (ReproducedStep("s", DIFFERS, tuple("abcdef")), "s differs: a; b; c; d; and 2 more."),
    ],
)
def test_a_step_in_words(step: ReproducedStep, text: str) -> None:
    assert str(step) == text


@pytest.mark.parametrize(
    ("levels", "agrees"),
    [
        ([], False),
        ([SAME], True),
        ([NEARLY, LEFT_OUT, UNKNOWN], True),
        ([LEFT_OUT], False),
        ([UNKNOWN], False),
        ([SAME, DIFFERS], False),
    ],
)
def test_a_run_agrees_if_a_step_was_compared_and_none_differs(levels: list[str], agrees: bool) -> None:
    assert reproduction(*levels).agrees is agrees


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ([], "shop: 0 steps: nothing."),
        ([SAME], "shop: 1 step: 1 agrees to the last bit."),
        ([SAME, SAME, NEARLY], "shop: 3 steps: 2 agree to the last bit, 1 to 1e-9."),
        ([NEARLY, NEARLY], "shop: 2 steps: 2 agree to 1e-9."),
        ([DIFFERS], "shop: 1 step: 1 differs."),
        ([DIFFERS, DIFFERS, UNKNOWN], "shop: 3 steps: 2 differ, 1 not compared."),
        ([SAME, LEFT_OUT], "shop: 2 steps: 1 agrees to the last bit, 1 left out (s1: why)."),
    ],
)
def test_the_summary_counts_each_level(levels: list[str], text: str) -> None:
    assert reproduction(*levels).summary == text


def test_only_a_few_of_the_steps_left_out_are_named() -> None:
    summary = reproduction(*[LEFT_OUT] * 9).summary
    assert "9 left out (s0: why, s1: why, s2: why" in summary
    assert "s8" not in summary


def test_what_is_the_same_or_left_out_has_no_line() -> None:
    text = reproduction(SAME, DIFFERS, LEFT_OUT, UNKNOWN, NEARLY).difference_text
    assert [line.split()[0] for line in text.splitlines()] == ["s1", "s3", "s4", "shop:"]


def test_changes_come_first() -> None:
    text = str(reproduction(DIFFERS, changes=(EDIT,)))
    assert text.splitlines() == [
        "run-1: since then",
        "  workflow.RATE was edited (taxed)",
        "s0 differs: why.",
        "shop: 1 step: 1 differs.",
    ]


def test_without_changes_it_says_so() -> None:
    assert format_changes("run-1", []) == "run-1: code, settings, versions and data are those of the run."


def test_as_json() -> None:
    made = reproduction(SAME, LEFT_OUT, changes=(EDIT,)).to_json()
    assert json.loads(json.dumps(made)) == made
    assert made == {
        "workflow": "shop",
        "run": "run-1",
        "agrees": True,
        "changes": [{"kind": "code", "text": "workflow.RATE was edited", "steps": ["taxed"]}],
        "steps": [
            {"step": "s0", "level": "same", "what": ["why"], "note": "", "apart": None},
            {"step": "s1", "level": "left out", "what": ["why"], "note": "", "apart": None},
        ],
        "summary": "shop: 2 steps: 1 agrees to the last bit, 1 left out (s1: why).",
        "seconds": 1.5,
    }
