"""Schema changes of the ledger, oldest first. Run at start under a lock, or by `foretell db upgrade`."""
