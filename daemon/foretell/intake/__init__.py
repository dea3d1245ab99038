"""Bytes become readings: the broker, the journal, the profiles that say how a make of device speaks.

Must not know: rules, tickets, the page. What cannot be read is counted and kept, never raised.
"""
