"""A small estate that lives two weeks in three minutes: its devices speak over MQTT, the daemon listens.

Must not know: rules. What truly goes wrong is decided here, what is found is decided there, and the
verdict compares the two. Everything is drawn from one seed; only the stage knows processes.
"""
