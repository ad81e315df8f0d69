"""Kernels on arrays: radial distributions and barriers, diffusion, tetrahedra, bond chemistry."""
