"""Screening before simulating: potential maps of batteries, electrochemical windows, charged defects, space-charge layers.

Equations are functions on plain numbers (`levels`, `charged_defects`, `space_charge`), a material is a file (`materials`, `dictionary`),
a battery is a stack of materials (`potential_map`), and the dictionary is all batteries of all materials (`pair_table`).
Windows (`windows`) follow from energies of phases (`compounds`), which files have (`entries`) or a calculator gives (`crystal_energies`).
Energies are in eV, electrostatic potentials and voltages in V against lithium metal.
"""
