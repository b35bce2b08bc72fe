"""The contracts of the campaign's tables."""

from datetime import date
from typing import Literal

from magical import Contract, Field, Id, Target, Time

Education = Literal["Basic", "2n Cycle", "Graduation", "Master", "PhD"]


class Customer(Contract):
    """One customer, as the shop's system exports it."""

    id: Id[int]
    year_birth: int = Field(ge=1890, le=2010)
    education: Education
    marital_status: str = Field(examples=["Married", "Together", "Single", "Divorced"])
    income: float | None = Field(ge=0, description="EUR a year")
    kidhome: int = Field(ge=0, description="small children at home")
    teenhome: int = Field(ge=0, description="teenagers at home")
    enrolled: Time[date] = Field(alias="Dt_Customer", examples=[date(2012, 9, 1), date(2014, 3, 1)])
    recency: int = Field(ge=0, description="days since the last purchase")
    mnt_wines: int = Field(ge=0, description="EUR spent on wine in two years; the next five likewise")
    mnt_fruits: int = Field(ge=0)
    mnt_meat_products: int = Field(ge=0)
    mnt_fish_products: int = Field(ge=0)
    mnt_sweet_products: int = Field(ge=0)
    mnt_gold_prods: int = Field(ge=0)
    num_deals_purchases: int = Field(ge=0)
    num_web_purchases: int = Field(ge=0)
    num_catalog_purchases: int = Field(ge=0)
    num_store_purchases: int = Field(ge=0)
    num_web_visits_month: int = Field(ge=0)
    accepted_cmp1: bool
    accepted_cmp2: bool
    accepted_cmp3: bool
    accepted_cmp4: bool
    accepted_cmp5: bool
    complain: bool
    response: Target[bool]


class Household(Customer):
    """A customer with figures of the household."""

    age: int = Field(ge=0, le=130)
    children: int = Field(ge=0)
    family_size: int = Field(ge=1)
    purchases: int = Field(ge=0)
    spent: int = Field(ge=0, description="EUR in two years")
    years_enrolled: float = Field(ge=0)
    campaigns_accepted: int = Field(ge=0, le=5)
