"""Crystals and cells at rest: one relaxation, supercells, what was asked of a folder before."""
