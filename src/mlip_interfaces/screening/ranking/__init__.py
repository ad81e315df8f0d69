"""Pairs in the order in which to simulate them, and their studies."""
