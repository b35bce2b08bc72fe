"""One visit to a shop: 50 columns of all kinds."""

from datetime import date, datetime
from typing import Literal

from magical import Contract, Field, Id, Target


class Visit(Contract):
    """A visit, with what is known of the visitor."""

    id: Id[int]
    income: float | None
    spent: float | None
    basket: float | None
    discount: float | None = Field(ge=0, le=1)
    distance: float | None
    rating: float | None
    delay: float
    weight: float | None
    volume: float
    price: float | None
    margin: float
    cost: float | None
    tax: float
    score: float | None
    speed: float
    heat: float | None
    rain: float
    wind: float | None
    noise: float
    light: float | None
    depth: float
    height: float | None
    width: float
    length: float | None
    slope: float
    share: float | None
    age: int = Field(ge=0)
    visits: int = Field(ge=0)
    items: int = Field(ge=1)
    children: int
    rooms: int | None
    clicks: int | None
    member: bool
    express: bool | None
    gift: bool
    channel: Literal["web", "shop", "phone"]
    country: str
    education: str | None
    status: str
    weekday: str
    device: str | None
    city: str
    product: str | None
    day: date
    joined: date | None
    seen: datetime | None
    comment: str | None
    note: str
    bought: Target[bool]
