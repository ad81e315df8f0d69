"""Labels: teachers, the driver that DP-GEN calls, short teacher MD, data sets."""
