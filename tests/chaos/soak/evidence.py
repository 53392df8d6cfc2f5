"""What is left when all is calm: rows of the five databases, the broker's queues, the mails that arrived."""

import json
from collections import Counter
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import dict_row

from contracts.vocabulary import SERVICES
from tests.chaos.soak.nemesis import vhost_of

CHASSIS = {
    "outbox": "SELECT id, message_id::text, event, aggregate_id, aggregate_version, payload, published_at"
    " FROM outbox ORDER BY id",
    "inbox": "SELECT handler, message_id FROM inbox",
    "parked": "SELECT handler, message_id, state FROM parked",
    "applied": "SELECT handler, aggregate_id, version FROM applied_versions",
}
OWN = {
    "invitations": (
        "invitations",
        "SELECT invitation_id::text, organization_id::text, email_key AS email, last_name, state, account_id::text"
        " FROM invitations ORDER BY sent_at",
    ),
    "memberships": (
        "organizations",
        "SELECT organization_id::text, account_id::text, role, invitation_id::text FROM memberships WHERE ended_at IS NULL",
    ),
    "accounts": (
        "accounts",
        "SELECT account_id::text, email_key AS email, email_confirmed_at IS NOT NULL AS is_confirmed, join_state FROM accounts",
    ),
    "mails": (
        "notifications",
        "SELECT mail_id::text, cause, template, recipient_account_id::text, state, reason, queued_at, sent_at FROM mails",
    ),
}


@dataclass
class Evidence:
    """Rows by table; those of the chassis's tables by service before that."""

    outbox: dict = field(default_factory=dict)
    inbox: dict = field(default_factory=dict)
    parked: dict = field(default_factory=dict)
    applied: dict = field(default_factory=dict)
    invitations: list = field(default_factory=list)
    memberships: list = field(default_factory=list)
    accounts: list = field(default_factory=list)
    mails: list = field(default_factory=list)
    copies: Counter = field(default_factory=Counter)  # Of each mail in the mailbox, by the mail's id.
    queues: list = field(default_factory=list)  # (name, messages, consumers)
    crashes: list = field(default_factory=list)  # (from, to) of each after which a mail may come twice.


def collect(servers, stack, postbox, faults):
    """Everything that the checker judges."""
    postbox.look(now=True)
    found = Evidence(copies=Counter(postbox.copies), queues=queues(servers, stack), crashes=crashes(faults))
    for service in SERVICES:
        with database(stack, service) as connection:
            for table, statement in CHASSIS.items():
                getattr(found, table)[service] = connection.execute(statement).fetchall()
            for table, (owner, statement) in OWN.items():
                if owner == service:
                    setattr(found, table, connection.execute(statement).fetchall())
    return found


def database(stack, service):
    """A connection to one service's database."""
    return psycopg.connect(stack.env[f"{service.upper()}_DATABASE_URL"], autocommit=True, row_factory=dict_row)


def queues(servers, stack):
    """(name, messages, consumers) of each queue."""
    listed = servers.rabbitmqctl(
        "list_queues", "--vhost", vhost_of(stack), "--formatter", "json", "name", "messages", "consumers"
    )
    return [(one["name"], one["messages"], one["consumers"]) for one in json.loads(listed)]


def crashes(faults):
    """Between a mail server's 250 and the commit only these come: its own end, or that of the service that sends."""
    return [
        (fault.began, fault.ended)
        for fault in faults
        if fault.name == "mailbox_killed" or (fault.name, fault.target) == ("service_killed", "notifications")
    ]
