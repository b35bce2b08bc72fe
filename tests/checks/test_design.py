"""A design of ten steps, unwritten and then written step by step: checking raises no false alarm."""

import random
from pathlib import Path

import pytest

from magical.project.checking import check_project
from projects import one

CONTRACTS = """\
    from datetime import date
    from magical import Key, Model, Receipt, Time
    from magical.library import SplitSettings, Scores, evaluate, linear, predict, split, train, transform

    class Shop(Contract):
        id: Id[int]
        city: str

    class Customer(Contract):
        id: Id[int]
        shop: Key[Shop]
        born: date
        answered: Target[bool]

    class Order(Contract):
        number: Id[int]
        customer: Key[Customer]
        when: Time[date]
        amount: float = Field(ge=0)

    class Buyer(Customer):
        orders: int = Field(ge=0)
        spent: float = Field(ge=0)

    class Placed(Buyer):
        city: str

    class DesignSettings(Settings):
        least: float = Field(default=0, ge=0)
        split: SplitSettings = SplitSettings(kind="random")
"""

SIGNATURES = {
    "shops": "() -> Frame[Shop]",
    "customers": "() -> Frame[Customer]",
    "orders": "() -> Frame[Order]",
    "paid": "(orders: Frame[Order], least: float) -> Frame[Order]",
    "buyers": "(customers: Frame[Customer], orders: Frame[Order]) -> Frame[Buyer]",
    "placed": "(buyers: Frame[Buyer], shops: Frame[Shop]) -> Frame[Placed]",
    "fitted": "(first: Frame[C], second: Frame[C]) -> Model",
    "better": "(models: list[Model], table: Frame[C]) -> Model",
    "judged": "(model: Model, table: Frame[C]) -> Scores",
    "publish": "(model: Model, scores: Scores) -> Receipt",
}

BODIES = {
    "shops": 'pl.DataFrame({"id": [1, 2], "city": ["x", "y"]})',
    "customers": 'pl.DataFrame({"id": [1], "shop": [1], "born": [date(2000, 1, 1)], "answered": [True]})',
    "orders": 'pl.DataFrame({"number": [1], "customer": [1], "when": [date(2024, 1, 1)], "amount": [1.0]})',
    "paid": 'orders.filter(pl.col("amount") >= least)',
    "buyers": """customers.join(
        orders.group_by("customer").agg(orders=pl.len().cast(pl.Int64), spent=pl.col("amount").sum()),
        left_on="id", right_on="customer", how="left",
    ).with_columns(pl.col("orders").fill_null(0), pl.col("spent").fill_null(0.0))""",
    "placed": 'buyers.join(shops, left_on="shop", right_on="id", how="left")',
    "fitted": "train(first, second, transform(first), linear())",
    "better": "models[0]",
    "judged": "evaluate(predict(model, table), table)",
    "publish": 'Receipt(True, "published")',
}

FLOW = """
@workflow
def design(s: DesignSettings) -> Scores:
    placing = placed(buyers(customers(), paid(orders(), s.least)), shops())
    first, second, third = split(placing, s.split)
    best = better([fitted(first, second), fitted(first, second)], second)
    scores = judged(best, third)
    publish(best, scores)
    return scores
"""


def design(root: Path, written: set[str]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    facts = {"publish": '(writes="world")'}
    steps = [
        f"@step{facts.get(name, '')}\ndef {name}{signature}:\n    "
        + (f"return {BODIES[name]}" if name in written else "...")
        for name, signature in SIGNATURES.items()
    ]
    small = one(root, "\n\n".join(["", *steps, FLOW]), top=CONTRACTS)
    found = check_project(small.load().context(), hard=True)
    return [(f.code, f.step) for f in found.findings], {o.step: o.state for o in found.outcomes or ()}


def test_on_day_one_all_that_is_said_is_what_is_unwritten(tmp_path: Path) -> None:
    findings, outcomes = design(tmp_path, set())
    assert sorted(findings) == sorted(("WISH001", name) for name in SIGNATURES)
    assert outcomes == {"split": "passed"}


@pytest.mark.slow
def test_each_step_that_is_written_is_held_to_its_contract_in_any_order(tmp_path: Path) -> None:
    order = random.Random(1).sample(list(SIGNATURES), len(SIGNATURES))
    for count in range(1, len(order) + 1):
        written = set(order[:count])
        findings, outcomes = design(tmp_path / str(count), written)
        assert sorted(findings) == sorted(("WISH001", name) for name in set(order) - written)
        tried = {name: state for name, state in outcomes.items() if state != "passed"}
        assert set(tried.values()) <= {"not assessed"}
        assert set(tried) == written & {"shops", "customers", "orders", "publish"}
