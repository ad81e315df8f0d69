"""What we simulate: crystals, matched slabs, amorphous layers, stacks and their variations."""
