"""Every kind of feature keeps the promises of features; each seeded fault fails the check that names it."""

import inspect
import re

import pytest

from feature_examples import EXAMPLES, Shopper, read_examples
from magical import Contract, Feature, LearnedFeature, Schema
from magical.testing import FeatureConformance, LearnedFeatureConformance
from magical.testing.feature_conformance import FittedFeature, fit_feature
from magical.testing.suite import find_protocol_promise
from testing import own_features

FEATURES = [*read_examples(), own_features.Ratio(top="income", bottom="visits"), own_features.Clip("age")]


def test_every_kind_is_held_to_the_promises() -> None:
    ours = {n for n, kind in Feature.kinds.items() if kind.__module__.startswith("magical.")}
    assert {example["kind"] for example in EXAMPLES} == ours


ROWWISE = [f for f in FEATURES if not f.is_learned]
LEARNED = [f for f in FEATURES if f.is_learned]
FITTED: dict[str, FittedFeature] = {}


@pytest.mark.slow_except("test_a_table_and_its_rows_agree", "test_no_rows_have_the_same_types")
@pytest.mark.parametrize("feature", ROWWISE, ids=repr)
class TestRowByRow(FeatureConformance):
    @pytest.fixture
    def contract(self) -> type[Contract]:
        return Shopper


@pytest.mark.slow_except("test_its_settings_survive_json", "test_a_missing_column_is_found_while_drawing")
@pytest.mark.parametrize("feature", LEARNED, ids=repr)
class TestLearned(LearnedFeatureConformance):
    @pytest.fixture
    def contract(self) -> type[Contract]:
        return Shopper

    @pytest.fixture
    def fitted(self, feature: Feature, schema: Schema) -> FittedFeature:
        """One fit for all checks of a feature: there are many features."""
        if repr(feature) not in FITTED:
            FITTED[repr(feature)] = fit_feature(feature, schema)
        return FITTED[repr(feature)]


def test_a_project_that_is_loaded_meanwhile_breaks_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Feature.kinds, "Ratio", own_features.Ratio)  # puts it back at the end
    again = type("Ratio", (own_features.Ratio,), {"__module__": own_features.__name__})
    assert Feature.kinds["Ratio"] is again, "as if its module were imported a second time"
    suite, feature = FeatureConformance(), own_features.Ratio(top="income", bottom="visits")
    suite.test_its_settings_survive_json(feature)
    suite.test_a_kind_is_found_by_its_name(feature)


BROKEN = """
import pytest
from feature_examples import Shopper
from magical.testing import {suite}
from testing import own_features

class TestIt({suite}):
    @pytest.fixture
    def contract(self):
        return Shopper

    @pytest.fixture
    def feature(self):
        return own_features.{name}()
"""


def fail(pytester: pytest.Pytester, suite: str, name: str, check: str) -> str:
    """Run one check of a suite in a pytest of its own, and return the message of its failure."""
    pytester.makepyfile(test_it=BROKEN.format(suite=suite, name=name))
    quiet = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist")
    result = pytester.inline_run(*quiet, "-k", check)
    failed = [r for r in result.getreports("pytest_runtest_logreport") if r.failed]
    assert failed, f"{name} passes {check}"
    return str(failed[0].longrepr)


@pytest.mark.slow_except("Centred-test_a_table_and_its_rows_agree")
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("Centred", "test_a_table_and_its_rows_agree"),
        ("Lagged", "test_the_order_of_rows_does_not_matter"),
        ("Denied", "test_its_values_are_what_it_declares"),
        ("Mistyped", "test_its_values_are_what_it_declares"),
        ("Misnamed", "test_it_adds_the_columns_it_declares"),
        ("Unclosed", "test_its_values_are_what_it_declares"),
        ("Fragile", "test_its_values_are_what_it_declares"),
        ("Peeking", "test_the_target_is_not_read"),
        ("Overflowing", "test_other_types_of_a_column_do_not_matter"),
        ("Unread", "test_a_missing_column_is_found_while_drawing"),
        ("Forgetful", "test_its_settings_survive_json"),
    ],
)
def test_a_broken_feature_fails_the_check_that_names_its_fault(
    pytester: pytest.Pytester, name: str, check: str
) -> None:
    message = fail(pytester, "FeatureConformance", name, check)
    assert "This promise of the protocol broke: Feature." in message


@pytest.mark.slow_except("Refitting-test_a_row_alone_gives_the_same")
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("Refitting", "test_a_row_alone_gives_the_same"),
        ("Growing", "test_new_rows_change_nothing"),
        ("Ready", "test_its_transformer_is_unfitted"),
        ("Noisy", "test_it_is_deterministic"),
        ("Strict", "test_any_row_is_served"),
        ("Locked", "test_it_can_be_stored"),
        ("Unnamed", "test_each_column_has_a_name"),
    ],
)
def test_a_broken_learned_feature_fails_the_check_that_names_its_fault(
    pytester: pytest.Pytester, name: str, check: str
) -> None:
    message = fail(pytester, "LearnedFeatureConformance", name, check)
    assert "This promise of the protocol broke: LearnedFeature." in message


@pytest.mark.parametrize("suite", [FeatureConformance, LearnedFeatureConformance])
def test_each_check_names_the_method_whose_promise_it_holds_to(suite: type) -> None:
    checks = [c for name, c in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")]
    assert len(checks) >= 12
    for check in checks:
        base, method = re.match(r"(\w+)\.(\w+): ", find_protocol_promise(check)).groups()  # type: ignore[union-attr]
        assert hasattr({"Feature": Feature, "LearnedFeature": LearnedFeature}[base], method), check.__name__
