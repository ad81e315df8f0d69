"""Crystals and cells at rest: one relaxation, what of it was kept, and supercells."""
