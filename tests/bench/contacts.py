"""The table that the measured calls read: a thousand people, found by key."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

CONTACTS = 1000
metadata = sa.MetaData()
contacts = sa.Table(
    "bench_contacts",
    metadata,
    sa.Column("account_id", postgresql.UUID(as_uuid=True), primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("first_name", sa.Text, nullable=False),
    sa.Column("last_name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)


def account_id(number):
    """The id of one of them."""
    return UUID(int=number)


def create(engine):
    """Make the table and the people."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        people = [{"account_id": account_id(number), **person(number)} for number in range(CONTACTS)]
        connection.execute(sa.insert(contacts), people)


def person(number):
    email = f"person{number}@emplois.example"
    return {"email": email, "first_name": "Ada", "last_name": "Dupont", "kind": "employer", "is_open": True}
