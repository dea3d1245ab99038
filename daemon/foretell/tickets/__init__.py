"""Changes become tickets: one piece of work each, with its reason, its due time and its life.

Must not know: how a message is read, who is told and how. The database, not Python, keeps tickets single.
"""
