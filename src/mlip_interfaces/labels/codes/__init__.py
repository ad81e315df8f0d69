"""DFT codes: one module each, which writes the inputs of a composition, names the command and parses the outputs."""
