"""Solids as materials: levels, space charge, the dictionary and its files."""
