"""Rostra: a live audio event server."""

__version__ = "0.1.0"
