"""The contracts of the traffic project's tables."""

from datetime import datetime
from typing import Literal

from magical import Contract, Field, Id, Target, Time

Weather = Literal[
    "Clear", "Clouds", "Haze", "Smoke", "Mist", "Fog", "Drizzle", "Rain", "Snow", "Thunderstorm", "Squall"
]


class Hour(Contract):
    """One hour on Interstate 94 West between Minneapolis and St Paul, with its weather."""

    hour: Id[datetime] = Field(alias="date_time", description="when it began, local time")
    began: Time[datetime] = Field(alias="date_time", ge=datetime(2012, 10, 2), le=datetime(2030, 12, 31))
    holiday: str | None = Field(examples=["Labor Day", "Thanksgiving Day", "Christmas Day"])
    temp: float | None = Field(ge=0, le=330, description="kelvin")
    rain_1h: float | None = Field(ge=0, description="mm in the hour")
    snow_1h: float | None = Field(ge=0, description="mm in the hour")
    clouds_all: int = Field(ge=0, le=100, description="per cent of the sky")
    weather_main: Weather
    weather_description: str = Field(examples=["sky is clear", "light rain", "mist"])
    traffic_volume: Target[int] = Field(ge=0, le=10_000, description="westbound vehicles in the hour")


class Verdict(Contract):
    """The model's error on test beside that of the simplest forecast, in vehicles an hour."""

    rmse: float = Field(ge=0)
    rmse_of_baseline: float = Field(ge=0)
