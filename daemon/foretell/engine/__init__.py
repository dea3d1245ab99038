"""Readings become changes: the rules held against what devices say.

SEALED: no clock, no IO, no log, no randomness. Time comes in as an argument, deadlines go out as data.
The same readings give the same changes, live, after a restart and on history.
"""
