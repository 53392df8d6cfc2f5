"""Every secret of the container way, a file each: `python -m deploy.make_secrets [FOLDER]`, deploy/.secrets when none is named.

A second run keeps what is there and adds what is missing. The folder is its owner's alone; the files in it are readable, because
compose mounts them as they are and the containers' users are not ours.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from contracts.vocabulary import CALLERS, SERVICES
from operations.local import keys
from operations.local.provision import VHOST, broker_passwords, grants, sql_lines
from operations.local.rabbitmq import user_definition

FOLDER = Path(__file__).resolve().parent / ".secrets"
DATABASE_HOST, BROKER_HOST = "postgres", "rabbitmq"  # Names of the compose file.

# Written once, for their owner to change: the mail server's address may hold a password.
CHOSEN = {"smtp_url": "smtp://mailbox:1025"}


def files(known: Mapping[str, str]) -> dict[str, str]:
    """Each file's name and text, from secrets by name."""
    made = {
        "postgresql_password": known["POSTGRESQL_PASSWORD"],
        "gateway_cookie_key": known["GATEWAY_COOKIE_KEY"],
        "subject_public_keys": keys.public_keys(known),
        "databases.sql": "\n".join(sql_lines([database_url(known, service) for service in SERVICES])) + "\n",
        "broker_definitions": json.dumps(definitions(known), indent=1),
    }
    made |= {f"{service}_database_url": database_url(known, service) for service in SERVICES}
    made |= {f"{name}_amqp_url": amqp_url(known, name) for name in CALLERS}
    made |= {f"{name}_signing_key": known[f"{name.upper()}_SIGNING_KEY"] for name in CALLERS}
    return made | {f"{name}_token_key": known[f"{name.upper()}_TOKEN_KEY"] for name in keys.TOKEN_MAKERS}


def database_url(known: Mapping[str, str], service: str) -> str:
    return f"postgresql://{service}:{known[f'{service.upper()}_DATABASE_PASSWORD']}@{DATABASE_HOST}:5432/{service}"


def amqp_url(known: Mapping[str, str], name: str) -> str:
    return f"amqp://{name}:{known[f'{name.upper()}_AMQP_PASSWORD']}@{BROKER_HOST}:5672/{VHOST}"


def definitions(known: Mapping[str, str]) -> dict[str, list]:
    """RabbitMQ's definitions: the vhost, one user a participant and one administrator, each with what it may do."""
    passwords = broker_passwords(known)
    granted = [grants(user, VHOST) for user in passwords]
    return {
        "users": [user_definition(user, password) for user, password in passwords.items()],
        "vhosts": [{"name": VHOST}],
        "permissions": [row for plain, _ in granted for row in plain],
        "topic_permissions": [row for _, topics in granted for row in topics],
    }


def write(folder: Path) -> list[str]:
    """Write the files; return their names."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = files(keys.load_or_make(folder / "secrets.json"))
    made |= {name: text for name, text in CHOSEN.items() if not (folder / name).exists()}
    for name, text in made.items():
        path = folder / name
        path.unlink(missing_ok=True)  # It is read-only, even to us.
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644 if name in CHOSEN else 0o444)
    return sorted(made)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else FOLDER
    print(f"{len(write(folder))} secrets dans {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
