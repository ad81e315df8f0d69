"""Safety gates: what a potential must stand before it moves a production run; one file per gate, a registry of all."""
