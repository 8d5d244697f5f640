"""Who is told, and who wants to hear nothing for a while."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from driftwatch.storage.schema.column import MAP, instant, metadata, serial_id, text_column

__all__ = ["routes", "silences"]

routes = Table(
    "routes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("spec", MAP, nullable=False),
    instant("created_at"),
    instant("changed_at"),
)

silences = Table(
    "silences",
    metadata,
    serial_id(),
    text_column("name", nullable=True),  # of those that were declared
    Column("matchers", MAP, nullable=False),
    instant("start_at"),
    instant("end_at"),
    text_column("author"),
    text_column("note"),
    instant("created_at"),
    UniqueConstraint("name"),
    Index(None, "end_at"),
)
