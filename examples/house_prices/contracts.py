"""The contracts of the house sales: areas in square feet, as the county measures them."""

from typing import Literal

from magical import Contract, Field, Group, Target

Condition = Literal[1, 2, 3, 4, 5]


class House(Contract):
    """One house that was sold in King County, Washington, between May 2014 and May 2015."""

    bedrooms: int | None = Field(ge=0, le=40)
    bathrooms: float | None = Field(ge=0, le=20, description="0.5: without shower; 0.75: without bath")
    floors: float = Field(ge=1, le=5)
    sqft_living: int = Field(ge=100, le=20_000, description="living area, square feet")
    sqft_above: int = Field(ge=100, le=20_000, description="living area above ground, square feet")
    sqft_basement: int = Field(ge=0, le=10_000, description="living area below ground, square feet; 0: none")
    sqft_lot: int = Field(ge=100, le=5_000_000, description="area of the land, square feet")
    sqft_living15: int = Field(ge=100, le=20_000, description="mean living area of the 15 nearest houses")
    sqft_lot15: int = Field(ge=100, le=5_000_000, description="mean area of land of the 15 nearest houses")
    waterfront: bool = Field(description="the land lies by the water")
    view: int = Field(ge=0, le=4, description="quality of the view, 0: none, 4: excellent")
    condition: Condition = Field(description="1: worn out, 3: average, 5: very good")
    grade: int = Field(ge=1, le=13, description="the county's grade of construction; 7 is average")
    yr_built: int = Field(ge=1850, le=2015, description="calendar year")
    yr_renovated: int = Field(ge=0, le=2015, description="calendar year; 0: never")
    zipcode: str = Field(examples=["98103", "98004", "98178"], description="a category, not a number")
    lat: float = Field(ge=47.1, le=47.8, description="degrees north")
    long: float = Field(ge=-122.6, le=-121.2, description="degrees east")
    price: Target[float] = Field(ge=1_000, le=20_000_000, description="USD")


class LocatedHouse(House):
    """A house with figures of its place and its age."""

    site: Group[str] = Field(description="the coordinates: one house, or the houses of one lot")
    km_to_seattle: float = Field(ge=0, le=150, description="km to the centre of Seattle, as the crow flies")
    km_to_bellevue: float = Field(ge=0, le=150, description="km to the centre of Bellevue")
    renovated: bool
    years_since_works: int = Field(ge=0, le=200, description="since the house was built or renovated")
