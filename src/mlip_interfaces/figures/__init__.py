"""Results to matplotlib figures; the only room that imports matplotlib."""
