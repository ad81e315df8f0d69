"""Solid-solid battery interfaces from one study file: build, label, train, simulate, analyse, report."""

__version__ = "0.1.0"
