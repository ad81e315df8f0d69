"""Potential maps of pairs."""
