"""foretell hears a building over MQTT and opens a maintenance ticket before an owner notices."""

__version__ = "0.1.0"
