"""Hops between sites, their barriers, networks that percolate."""
