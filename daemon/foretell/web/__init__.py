"""What people and neighbours see of a running daemon: the duty page, health, /metrics.

Must not know: how readings are judged or the broker is spoken to. It asks through its door and shows.
"""
