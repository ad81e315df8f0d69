"""The command line: one short file per verb over library functions."""
