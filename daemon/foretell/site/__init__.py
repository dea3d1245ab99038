"""The estate as plain values: kinds and their signals, places, devices.

Must not know: bytes, rules, tickets, files, the clock.
"""
