"""Screening before simulating: potential maps of batteries, electrochemical windows, charged defects, space-charge layers, migration.

Equations are functions on plain numbers (`levels`, `charged_defects`, `space_charge`), a material is a file (`materials`, `dictionary`),
a battery is a stack of materials (`potential_map`), and the dictionary is all batteries of all materials (`pair_table`).
Windows (`windows`) follow from energies of phases (`compounds`), which files have (`entries`) or a calculator gives (`crystal_energies`).
Barriers (`migration`) are those of bands (`neb`) between sites that symmetry tells apart (`hops`), and of the network that they make (`percolation`).
Energies are in eV, electrostatic potentials and voltages in V against lithium metal.
"""
