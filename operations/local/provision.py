"""Databases, roles, broker users and permissions: applied to private servers, printed for the operator's own.

`python -m operations.local.provision` prints the SQL and the rabbitmqctl lines that fit the addresses in the environment.
"""

import os
import shlex
import sys
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from chassis import topology
from contracts.vocabulary import SERVICES
from operations.local import environment, keys
from operations.local.environment import SettingsAreIncomplete, setting_or_file
from operations.local.places import RUN
from operations.local.rabbitmq import ADMINISTRATOR

EVERYTHING = ".*"
VHOST = "emplois"


# -- PostgreSQL


def make_role(connection, name, password):
    """Make a role that may log in, or give it this password; it owns nothing yet."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(password)))


def make_database(connection, name, owner, template="template1"):
    """Make a database that its owner alone may enter, unless it is there."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        words = [sql.Identifier(word) for word in (name, owner, template)]
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(*words))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def provision_private(server, secrets):
    """One role and one database a service on a private server; return the addresses by service."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        for service in SERVICES:
            make_role(connection, service, secrets[f"{service.upper()}_DATABASE_PASSWORD"])
            make_database(connection, service, service)
    return {service: private_url(server, service, secrets) for service in SERVICES}


def private_url(server, service, secrets, database=None):
    password = secrets[f"{service.upper()}_DATABASE_PASSWORD"]
    return f"postgresql://{service}:{password}@127.0.0.1:{server.port}/{database or service}"


def sql_lines(urls):
    """Return the SQL that an administrator runs once, in psql, for databases of their own."""
    lines = []
    for url in urls:
        parts = urlsplit(url)
        role, database = quoted(unquote(parts.username or "")), quoted(parts.path.lstrip("/"))
        password = unquote(parts.password or "").replace("'", "''")
        lines += [
            f"CREATE ROLE {role} LOGIN PASSWORD '{password}';",
            f"CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0;",
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;",
        ]
    return lines


def quoted(identifier):
    return '"' + identifier.replace('"', '""') + '"'


# -- RabbitMQ


def grants(user, vhost):
    """Return the rows of the definitions file for a user in a vhost: plain permissions, topic permissions."""
    plain = {"user": user, "vhost": vhost}
    if user == ADMINISTRATOR:
        return [plain | dict.fromkeys(("configure", "write", "read"), EVERYTHING)], []
    may = topology.permissions(user)
    topics = [
        plain | {"exchange": exchange, "write": write, "read": read} for exchange, write, read in topology.topic_permissions(user)
    ]
    return [plain | {"configure": may.configure, "write": may.write, "read": may.read}], topics


def broker_passwords(secrets):
    """Return the password of each broker user; a user's name is its participant's name."""
    return {name: secrets[f"{name.upper()}_AMQP_PASSWORD"] for name in (*keys.PARTICIPANTS, ADMINISTRATOR)}


def rabbitmqctl_lines(urls):
    """Return the commands that an administrator of the broker runs once; addresses by participant."""
    vhosts = sorted({vhost_of(url) for url in urls.values()})
    lines = [shell("rabbitmqctl", "add_vhost", vhost) for vhost in vhosts]
    for name, url in urls.items():
        parts, vhost = urlsplit(url), vhost_of(url)
        user = unquote(parts.username or "")
        may = topology.permissions(name)
        lines.append(shell("rabbitmqctl", "add_user", user, unquote(parts.password or "")))
        lines.append(shell("rabbitmqctl", "set_permissions", "-p", vhost, user, may.configure, may.write, may.read))
        for exchange, write, read in topology.topic_permissions(name):
            lines.append(shell("rabbitmqctl", "set_topic_permissions", "-p", vhost, user, exchange, write, read))
    return lines


def vhost_of(url):
    return unquote(urlsplit(url).path[1:]) or "/"


def shell(*words):
    return shlex.join(words)


# -- servers named in the environment


def external(kind, names, settings=os.environ):
    """Return the addresses set in the environment by participant; none when none is set, all or an error otherwise."""
    wanted = {name: f"{name.upper()}_{kind}_URL" for name in names}
    found = {name: value for name, setting in wanted.items() if (value := setting_or_file(settings, setting))}
    if found and len(found) < len(wanted):
        missing = ", ".join(setting for name, setting in wanted.items() if name not in found)
        raise SettingsAreIncomplete(f"il manque {missing} ; donnez ces adresses aussi, ou aucune de cette sorte")
    return found


def external_databases(settings=os.environ):
    return external("DATABASE", SERVICES, settings)


def external_brokers(settings=os.environ):
    urls = external("AMQP", keys.PARTICIPANTS, settings)
    wrong = [name for name, url in urls.items() if unquote(urlsplit(url).username or "") != name]
    if wrong:
        # The broker checks a message's author against the connection's user, and contracts name participants.
        raise SettingsAreIncomplete(f"l'utilisateur RabbitMQ doit porter le nom du participant : {', '.join(wrong)}")
    return urls


def printed(settings):
    """Return everything that prepares the servers that these settings name."""
    databases, brokers = external_databases(settings), external_brokers(settings)
    lines = []
    if databases:
        lines += ["-- psql, en superutilisateur", *sql_lines(databases.values()), ""]
    if brokers:
        lines += ["# rabbitmqctl, sur le serveur RabbitMQ", *rabbitmqctl_lines(brokers), ""]
    return lines


def main():
    try:
        lines = printed(os.environ)
        if not lines and (RUN / "env").exists():
            lines = printed(environment.read(RUN / "env"))
    except SettingsAreIncomplete as error:
        sys.exit(f"Réglages incomplets : {error}.")
    print("\n".join(lines) or "Aucun serveur n'est nommé : voir « Vos propres serveurs » dans README.md.")


if __name__ == "__main__":
    main()
