"""Screening before simulating: potential maps of batteries, charged defects, space-charge layers.

Equations are functions on plain numbers (`levels`, `charged_defects`, `space_charge`), a material is a file (`materials`, `dictionary`),
a battery is a stack of materials (`potential_map`), and the dictionary is all batteries of all materials (`pair_table`).
Energies are in eV, electrostatic potentials and voltages in V against lithium metal.
"""
