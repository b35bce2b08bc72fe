"""A project of ten steps over three tables that join; each step can be written, or reset to ``...``."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from projects import NO_TRACKING, Small

HEAD = '''\
"""Which customers will come back? Three tables, a split, two models, scores, and a model in the registry."""

from datetime import date
from typing import Any, Literal

import polars as pl
from contracts import Customer, Order, Product, Shopper
from magical import Frame, InputPath, Model, Parts, Receipt, Settings, contract_of, partition, step, workflow
from magical.library import Score, Scores
'''

CONTRACTS = '''\
"""What the tables promise."""

from datetime import date
from typing import Literal

from magical import Contract, Field, Id, Key, Target, Time


class Customer(Contract):
    """One customer."""

    id: Id[int]
    age: int = Field(ge=18, le=99)
    region: Literal["north", "south"]
    income: float | None = Field(ge=0, le=200_000)


class Product(Contract):
    """One thing to be bought."""

    sku: Id[str]
    price: float = Field(ge=0.5, le=500)


class Order(Contract):
    """One order of one product by one customer."""

    number: Id[int]
    customer: Key[Customer]
    product: Key[Product]
    pieces: int = Field(ge=1, le=9)
    ordered: Time[date]


class Shopper(Customer):
    """A customer with what the orders say."""

    orders: int = Field(ge=0)
    spent: float = Field(ge=0)
    returns: Target[bool]
'''

UNWRITTEN = {
    "customers": """
@step
def customers(source: InputPath) -> Frame[Customer]: ...
""",
    "products": """
@step
def products(source: InputPath) -> Frame[Product]: ...
""",
    "orders": """
@step
def orders(source: InputPath) -> Frame[Order]: ...
""",
    "shoppers": """
@step
def shoppers(customers: Frame[Customer], orders: Frame[Order], products: Frame[Product]) -> Frame[Shopper]: ...
""",
    "cut": """
@step
def cut(shoppers: Frame[Shopper]) -> Parts[Shopper]: ...
""",
    "steady": """
@step
def steady(train: Frame[Shopper]) -> Model: ...
""",
    "daring": """
@step
def daring(train: Frame[Shopper], depth: int) -> Model: ...
""",
    "choose": """
@step
def choose(models: list[Model], validation: Frame[Shopper]) -> Model: ...
""",
    "judge": """
@step
def judge(model: Model, test: Frame[Shopper]) -> Scores: ...
""",
    "enroll": """
@step(writes="world")
def enroll(model: Model, scores: Scores) -> Receipt: ...
""",
}
"""The ten steps, unwritten."""

STEPS = list(UNWRITTEN)

WRITTEN = {
    "customers": """
@step
def customers(source: InputPath) -> Frame[Customer]:
    return pl.read_csv(source)
""",
    "products": """
@step
def products(source: InputPath) -> Frame[Product]:
    return pl.read_csv(source)
""",
    "orders": """
@step
def orders(source: InputPath) -> Frame[Order]:
    return pl.read_csv(source, try_parse_dates=True)
""",
    "shoppers": """
@step
def shoppers(customers: Frame[Customer], orders: Frame[Order], products: Frame[Product]) -> Frame[Shopper]:
    prices = products.select("sku", "price")
    joined = orders.join(prices, left_on="product", right_on="sku", how="left", maintain_order="left")
    cost = (pl.col("pieces") * pl.col("price").fill_null(0)).sum()
    sums = joined.group_by("customer", maintain_order=True).agg(orders=pl.len(), spent=cost)
    both = customers.join(sums, left_on="id", right_on="customer", how="left", maintain_order="left")
    filled = both.with_columns(pl.col("orders").fill_null(0).cast(pl.Int64), pl.col("spent").fill_null(0.0))
    return filled.with_columns(returns=pl.col("orders") * 10 + pl.col("age") > 60)
""",
    "cut": """
@step
def cut(shoppers: Frame[Shopper]) -> Parts[Shopper]:
    names = ("train", "train", "validation", "test")
    return partition(shoppers, [names[i % 4] for i in range(shoppers.height)])
""",
    "steady": """
@step
def steady(train: Frame[Shopper]) -> Model:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return fitted(make_pipeline(StandardScaler(), LogisticRegression()), train)
""",
    "daring": """
@step
def daring(train: Frame[Shopper], depth: int) -> Model:
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    return fitted(make_pipeline(DecisionTreeClassifier(max_depth=depth, random_state=0)), train)
""",
    "choose": """
@step
def choose(models: list[Model], validation: Frame[Shopper]) -> Model:
    return max(models, key=lambda model: right(model, validation))
""",
    "judge": """
@step
def judge(model: Model, test: Frame[Shopper]) -> Scores:
    share = right(model, test)
    score = Score(value=share, low=max(0.0, share - 0.1), high=min(1.0, share + 0.1))
    return Scores(task="binary", target="returns", part="test", rows=test.height, metrics={"accuracy": score})
""",
    "enroll": """
@step(writes="world")
def enroll(model: Model, scores: Scores) -> Receipt:
    from pathlib import Path

    book = Path(__file__).with_name("enrolled.txt")
    book.write_text((book.read_text() if book.exists() else "") + f"{model.origin} {scores.origin}\\n")
    return Receipt(True, "enrolled")
""",
}
"""The ten steps, written."""

ENROLL_FOR_REAL = '''
@step(writes="world")
def enroll(model: Model, scores: Scores) -> Receipt:
    """The standard step, under the project's own name."""
    from magical.library import RegisterSettings, register

    return register.function(model, scores, RegisterSettings(name="tenfold"))
'''

HELPERS = '''

def fitted(pipeline: Any, train: pl.DataFrame) -> Model:
    """Fit on the numbers that everybody has."""
    from magical.contracts.model import to_canonical_frame

    schema = contract_of(train)
    numbers = tuple(schema.by_name[name] for name in ("age", "orders", "spent"))
    inputs = type(schema)("Numbers", numbers)
    answers = train["returns"].to_numpy()
    return Model(pipeline.fit(to_canonical_frame(train, inputs), answers), "binary", "returns", inputs, (False, True))


def right(model: Model, table: pl.DataFrame) -> float:
    """The share of rows that are predicted right."""
    return float((model.predict(table)["prediction"] == table["returns"]).mean())

'''

WORKFLOW = '''

class Shop(Settings):
    """The settings that the team varies."""

    customers: InputPath = InputPath("data/customers.csv")
    products: InputPath = InputPath("data/products.csv")
    orders: InputPath = InputPath("data/orders.csv")
    depth: int = 3


@workflow
def tenfold(s: Shop) -> Scores:
    people = customers(s.customers)
    things = products(s.products)
    bought = orders(s.orders)
    train, validation, test = cut(shoppers(people, bought, things))
    best = choose([steady(train), daring(train, s.depth)], validation)
    scores = judge(best, test)
    enroll(best, scores)
    return scores
'''

PARENTS: Mapping[str, tuple[str, ...]] = {
    "customers": (),
    "products": (),
    "orders": (),
    "shoppers": ("customers", "products", "orders"),
    "cut": ("shoppers",),
    "steady": ("cut",),
    "daring": ("cut",),
    "choose": ("steady", "daring", "cut"),
    "judge": ("choose", "cut"),
    "enroll": ("choose", "judge"),
}
KEYS: Mapping[str, tuple[str, ...]] = {"orders": ("customers", "products")}
"""The steps whose ids a pretended table uses, beside the inputs of its own step."""


def origin(step: str, unwritten: Collection[str]) -> tuple[str, ...]:
    """Return the unwritten ancestors of a step, itself included."""
    found = {step} & {*unwritten}
    parents = PARENTS[step] + (KEYS.get(step, ()) if step in unwritten else ())
    return tuple(sorted(found.union(*(origin(p, unwritten) for p in parents))))


def source(unwritten: Collection[str], bodies: Mapping[str, str] = WRITTEN) -> str:
    """Return the text of workflow.py with these steps unwritten."""
    steps = "\n".join(UNWRITTEN[name] if name in unwritten else bodies[name] for name in STEPS)
    return HEAD + HELPERS + steps + WORKFLOW


class Tenfold(Small):
    """The project in a folder.

    Attributes:
        unwritten: the steps that have no body now.
        bodies: of the others.
    """

    def __init__(self, root: Path, *, settings: str = NO_TRACKING, data: bool = True) -> None:
        super().__init__(root)
        root.mkdir(parents=True, exist_ok=True)
        self.bodies: dict[str, str] = dict(WRITTEN)
        self.write("contracts.py", CONTRACTS)
        self.write("settings.toml", settings)
        for name, text in (tables() if data else {}).items():
            self.write(f"data/{name}.csv", text)
        self.empty(*STEPS)

    def empty(self, *steps: str) -> Tenfold:
        """Remove the bodies of these steps, and restore all others."""
        self.unwritten = set(steps)
        self.write("workflow.py", source(self.unwritten, self.bodies))
        return self

    def fill(self, step: str) -> Tenfold:
        """Write one step."""
        return self.empty(*self.unwritten - {step})

    @property
    def enrolled(self) -> list[str]:
        """The lines that the registration wrote, one for each time."""
        book = self.root / "enrolled.txt"
        return book.read_text().splitlines() if book.exists() else []


def tables() -> dict[str, str]:
    """The real data: 200 customers, 20 products, 600 orders of both."""
    draw = random.Random(11)
    people = [f"{i},{draw.randint(18, 99)},{draw.choice(['north', 'south'])},{draw.choice(['', '1234.5'])}"
              for i in range(1, 201)]  # fmt: skip
    things = [f"sku-{i},{draw.randint(1, 400) / 2 + 0.5}" for i in range(1, 21)]
    bought = [
        f"{i},{draw.randint(1, 200)},sku-{draw.randint(1, 20)},{draw.randint(1, 9)},2023-0{draw.randint(1, 9)}-15"
        for i in range(1, 601)
    ]
    heads = {"customers": "id,age,region,income", "products": "sku,price"}
    heads["orders"] = "number,customer,product,pieces,ordered"
    rows = {"customers": people, "products": things, "orders": bought}
    return {name: "\n".join([heads[name], *rows[name], ""]) for name in heads}


def plain(value: Any) -> Any:
    """Return a comparable form of a result: what a model learnt, the rows of a table."""
    if hasattr(value, "assignment"):
        return [plain(t) for t in (*value, value.assignment)]
    if hasattr(value, "pipeline"):
        last = value.pipeline[-1]
        return value.features, (
            last.coef_.tolist() if hasattr(last, "coef_") else last.tree_.threshold.tolist()
        )
    return value.to_dict(as_series=False) if hasattr(value, "to_dict") else value
