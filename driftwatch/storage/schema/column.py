"""The columns that the tables are made of, and the MetaData that they belong to."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, MetaData, Text, text

__all__ = ["MAP", "count", "instant", "metadata", "reference", "serial_id", "text_column"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

MAP = JSON(none_as_null=True)


def serial_id() -> Column[int]:
    """``id``: a rowid on SQLite, a bigserial on PostgreSQL."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def reference(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    """A foreign key to a serial id (``"models.id"``)."""
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def instant(name: str, *, nullable: bool = False) -> Column[int]:
    """Microseconds UTC."""
    return Column(name, BigInteger, nullable=nullable)


def text_column(name: str, *, nullable: bool = False, default: str | None = None) -> Column[str]:
    """Text of any length."""
    return Column(name, Text, nullable=nullable, server_default=default)


def count(name: str, *, default: int | None = 0) -> Column[int]:
    """A number of things; without a default it must be given."""
    return Column(name, BigInteger, nullable=False, server_default=None if default is None else text(str(default)))
