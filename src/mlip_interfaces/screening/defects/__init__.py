"""Charged and neutral defects: chemistry in a band gap, cells, files and their energies."""
