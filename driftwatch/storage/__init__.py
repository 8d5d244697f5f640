"""The store: one schema on SQLite and PostgreSQL, one module per table family, SQL in plain sight.

Functions take a connection first, so that a caller composes one transaction out of several:
``with store.begin() as conn: ...``.
"""
