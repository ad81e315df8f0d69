"""Screening before simulating; energies are in eV, electrostatic potentials and voltages in V against lithium metal.

`relaxing` brings crystals and cells to rest. `defects` are those of a charged or a neutral solid, `solids` materials as files.
`transport` (conductivity, crowding, fluxes), `migration` (barriers), `adhesion` (interfaces) and `windows` (phases, reactions) are asked one
by one; `maps` are potentials of batteries, and `ranking` puts pairs in the order in which to simulate them. `same_request` holds a folder to what was asked of it.
"""
