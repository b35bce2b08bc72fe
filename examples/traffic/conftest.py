"""The fixture `pretended` generates tables from contracts, for the tests of this project."""

pytest_plugins = ["magical.testing"]
