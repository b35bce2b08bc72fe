"""Adapters to model registries."""
