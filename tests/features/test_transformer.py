"""Transformer: a class by its import string, checked while drawing, with names for what it makes."""

import pickle
import sys
from typing import Any, Self

import numpy as np
import pytest
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone

from features.fitting import fit, list_blocks, visitors
from magical.errors import MagicalError, SettingsError, WiringError
from magical.features import Encode, Feature, Impute, Scale, Transformer
from magical.keys.arguments import encode_argument
from magical.library.preprocessing import plan_pipeline
from magical.settings import to_json

TABLE = visitors()
PCA = "sklearn.decomposition:PCA"


class Halves:
    """A transformer of the project that knows nothing of scikit-learn."""

    def __init__(self, by: float = 2.0) -> None:
        self.by = by

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X, dtype=float).sum(axis=1) / self.by


class Tenths(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer of the project by scikit-learn's base classes, without constraints of its parameters."""

    def fit(self, X: Any, y: Any = None) -> Self:
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X) / 10


class NoTransform:
    """What can be fitted only."""

    def fit(self, X: Any, y: Any = None) -> Self:
        return self


def test_it_takes_the_place_of_scaling_or_stands_beside_it() -> None:
    two = {"n_components": 2}
    instead = fit(TABLE, Transformer("type:number", uses=PCA, params=two))
    assert {"pca0", "pca1"} <= set(instead.out)
    assert not {"income", "age", "kids"} & set(instead.out)
    assert instead.out["pca0"].var() > 50, "the columns are not scaled"
    beside = fit(TABLE, Transformer("type:number", uses=PCA, params=two, keep=True))
    assert {"pca0", "income", "age", "kids"} <= set(beside.out)
    scaled = fit(TABLE, Transformer(["type:number", "city", "born"], PCA, two, after_scaling=True))
    assert scaled.out["pca0"].var() < 3


def test_it_gets_imputed_columns_in_whatever_way_each_is_imputed() -> None:
    feature = Transformer(["income", "age", "born", "member"], uses=f"{__name__}:Halves", params={"by": 1})
    fitted = fit(TABLE, Impute("income", "constant", 1000), Impute(["age", "kids"], "nearest"), feature)
    plain = fit(TABLE, Impute("income", "constant", 0), Impute(["age", "kids"], "nearest"), feature)
    gaps = TABLE["income"].is_null().to_numpy()
    assert (fitted.out["halves0"] - plain.out["halves0"]).to_numpy() == pytest.approx(1000 * gaps)
    assert "income is missing" in fitted.out


def test_a_class_of_the_project_is_named_cloned_and_pickled() -> None:
    by_class, by_name = Transformer("income", uses=Halves), Transformer("income", uses=f"{__name__}:Halves")
    assert by_class == by_name
    assert Feature.model_validate(to_json(by_name)) == by_name
    fitted = fit(TABLE, by_name, Impute("income", "constant", 3))
    assert fitted.out["income"].tolist() == (TABLE["income"].fill_null(3) / 2).to_list()
    again = pickle.loads(pickle.dumps(fitted.pipeline))
    assert again.transform(fitted.X).tolist() == fitted.out.to_numpy().tolist()
    assert clone(fitted.pipeline).named_steps["columns"].transformers


def test_a_class_of_the_project_may_have_the_base_classes_of_scikit_learn() -> None:
    out = fit(TABLE, Transformer("kids", uses=Tenths)).out
    assert out["kids"].to_numpy() == pytest.approx(TABLE["kids"].to_numpy() / 10)


def test_its_code_is_in_the_key() -> None:
    roots: list[Any] = []
    encode_argument((Transformer("income", uses=Halves), Transformer("income", uses=PCA)), [], roots)
    assert {"Halves", "PCA"} <= {r.__name__ for r in roots}


def test_lists_stand_for_tuples() -> None:
    feature = Transformer("income", "sklearn.preprocessing:MinMaxScaler", {"feature_range": [0, 7]})
    assert fit(TABLE, feature).out["income"].max() == pytest.approx(7)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        (
            {"uses": "sklearn.decomposition:PCAA"},
            SettingsError,
            "There is no class sklearn.decomposition:PCAA",
        ),
        (
            {"uses": "sklearn.decompo:PCA"},
            SettingsError,
            "cannot be imported: No module named 'sklearn.decompo'",
        ),
        ({"uses": "sklearn.decomposition:non_negative_factorization"}, SettingsError, "is no class"),
        ({"uses": "sklearn.linear_model:Ridge"}, WiringError, "has no method transform"),
        ({"uses": NoTransform}, WiringError, "has no method transform"),
        ({"uses": PCA, "params": {"components": 3}}, WiringError, "has no parameter components"),
        (
            {"uses": PCA, "params": {"n_components": -3}},
            WiringError,
            "refuses its params: The 'n_components'",
        ),
        ({"uses": PCA, "columns": "incom"}, WiringError, "reads incom, which Visitor does not have"),
        ({"uses": PCA, "columns": "id"}, WiringError, "no feature of Visitor, but its id"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    fields: dict[str, Any], kind: type[MagicalError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        plan_pipeline(TABLE, [Transformer(**{"columns": "income", **fields})])
    assert words in str(caught.value)
    assert caught.value.hint


def test_the_class_is_not_imported_when_the_settings_are_read() -> None:
    assert Transformer("income", uses="not_yet_there:Anything").uses == "not_yet_there:Anything"
    assert "not_yet_there" not in sys.modules
    with pytest.raises(ValueError, match="is no import string; write module:class"):
        Transformer("income", uses="PCA")


def test_the_later_of_two_for_a_column_wins() -> None:
    pca = Transformer(["income", "age"], uses=PCA)
    assert list_blocks(plan_pipeline(TABLE, [Scale("income", "robust"), pca]))["pca"] == ["income", "age"]
    later = list_blocks(plan_pipeline(TABLE, [pca, Scale("income", "robust")]))
    assert (later["pca"], later["numbers_robust"]) == (["age"], ["income"])
    both = Transformer(["kids", "age"], uses=PCA, after_scaling=True)
    kept = list_blocks(plan_pipeline(TABLE, [Encode("kids", "count"), both, Scale("kids", "none")]))
    assert kept["pca"] == ["age", "kids"]
