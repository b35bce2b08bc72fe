"""Which orders are returned? A small project whose model is registered once, to score many rows by it."""

import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Receipt, Settings, Target, step, workflow
from magical.features import Arithmetic, Feature, Log
from magical.library import (
    RegisterSettings,
    SplitSettings,
    boosting,
    evaluate,
    featurize,
    ingest,
    model_data,
    predict,
    register,
    split,
    train,
    transform,
)


class Order(Contract):
    """One order, with what is known of its customer."""

    id: Id[int]
    amount: float = Field(ge=0)
    weight: float | None
    discount: float = Field(ge=0, le=1)
    delay: float
    score: float
    items: int = Field(ge=1)
    orders: int = Field(ge=0)
    age: int | None = Field(ge=0)
    channel: str
    country: str
    express: bool
    returned: Target[bool]


class Priced(Order):
    """An order with the price of one item."""

    price: float


class ReturnsSettings(Settings):
    """The source, and the features."""

    source: InputPath = InputPath("orders")
    features: tuple[Feature, ...] = (Log("amount"), Arithmetic("often", "orders / items"))


@step
def sane(orders: Frame[Order]) -> Frame[Order]:
    """Leave out orders that nobody believes."""
    return orders.filter(pl.col("items") < 90)


@step
def price(orders: Frame[Order]) -> Frame[Priced]:
    """Add the price of one item."""
    return orders.with_columns(price=pl.col("amount") * (1 - pl.col("discount")) / pl.col("items"))


@workflow
def returns(s: ReturnsSettings) -> Receipt:
    """From the orders to the registered model."""
    orders = featurize(price(sane(model_data(ingest(s.source), Order))), s.features)
    fitting, validation, test = split(orders, SplitSettings(kind="random", seed=1))
    model = train(fitting, validation, transform(fitting, s.features), boosting())
    return register(model, evaluate(predict(model, test), test), RegisterSettings(name="returns"))
