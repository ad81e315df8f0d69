"""Work of adhesion and energies of interfaces."""
