"""Tests get tables that are generated from the contracts: none of them reads the data."""

pytest_plugins = ["magical.testing"]
