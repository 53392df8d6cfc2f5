"""`python -m operations.local.mailbox --smtp-port 1025 --http-port 8025 --directory .run/mails`"""

import asyncio
import contextlib
import signal

import click
import uvicorn

from operations.local.mailbox.pages import application
from operations.local.mailbox.receiver import Receiver, listen
from operations.local.mailbox.store import Store


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Adresse d'écoute ; 0.0.0.0 dans un conteneur.")
@click.option("--smtp-port", type=int, required=True)
@click.option("--http-port", type=int, required=True)
@click.option("--directory", type=click.Path(file_okay=False), required=True, help="Où les courriels sont gardés.")
def main(host, smtp_port, http_port, directory):
    """Reçoit tous les courriels, n'en remet aucun, les montre dans le navigateur."""
    asyncio.run(serve(host, smtp_port, http_port, directory))


async def serve(host, smtp_port, http_port, directory):
    """Take and show mails until SIGTERM or SIGINT."""
    store = Store(directory)
    receiver = Receiver(store)
    hosts = ["127.0.0.1", "localhost"] if host == "127.0.0.1" else ["*"]
    pages = application(store, receiver, hosts)
    web = Web(uvicorn.Config(pages, host=host, port=http_port, log_level="error", lifespan="off"))
    smtp = await listen(receiver, host, smtp_port)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, setattr, web, "should_exit", True)
    await web.serve()
    smtp.close()


class Web(uvicorn.Server):
    """uvicorn would raise the signal again once it has stopped, and end us as if killed: the signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


if __name__ == "__main__":
    main()
