"""Countenance: a face search engine that asks permission first."""

__version__ = "0.1.0"
