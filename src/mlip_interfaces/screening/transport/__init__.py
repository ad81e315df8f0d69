"""Conductivity of a series of compositions, crowding of ions, fluxes."""
