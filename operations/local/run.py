"""`make run`: everything on this machine, from the servers to the mailbox, until Ctrl-C."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from rich.markup import escape
from rich.panel import Panel

from contracts.vocabulary import SERVICES
from operations.local import environment, first_time, keys, ports, processes, programs, provision, supervision
from operations.local.hold import AlreadyRuns, hold
from operations.local.places import ROOT, RUN
from operations.local.server import DidNotStart
from operations.local.servers import BOTH, Servers
from operations.local.show import Show

PATIENCE = 120.0  # Seconds for every process to become ready, the first time on a slow machine.
LONGEST_PAUSE = 15.0  # Seconds between two tries to start a server again.


class Installation:
    """What runs from one clone, and the order in which it starts and stops; whoever makes it holds the clone."""

    def __init__(self, directory=RUN, given=os.environ):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o711)  # The user postgres passes through; nobody lists.
        self.ledger = processes.Ledger(directory / "processes.json")
        self.ports = ports.Ports(directory / "ports.json", ports.PREFERRED)
        self.secrets = keys.load_or_make(directory / "secrets")
        self.given = given
        self.databases = provision.external_databases(given)
        self.brokers = provision.external_brokers(given)
        private = [name for name, external in zip(BOTH, (self.databases, self.brokers), strict=True) if not external]
        self.servers = Servers(directory, self.ledger, self.ports, self.secrets, vhosts=[provision.VHOST], only=private)
        self.settings = {}

    @property
    def place(self):
        """Where the first start's data are."""
        is_private = self.servers.postgresql in self.servers.running
        return first_time.PRIVATE if is_private else first_time.place_of(self.databases)

    def claim(self):
        """Be the one that `make stop` ends; what a killed run left behind is stopped first."""
        stop_in_order(self.ledger)
        self.ledger.add("run", os.getpid())

    def start(self, show):
        """Return once every process is ready."""
        with show.steps(), ThreadPoolExecutor(2) as pool:
            broker = pool.submit(self.start_broker, show)
            self.start_databases(show)
            self.settings = self.write_settings()
            self.migrate(show)
            self.start_programs()  # They bear a broker that is not there yet, so both start at the same time.
            broker.result()
            self.wait_until_ready(show)
            told = {"STAFF_PASSWORD": self.secrets["STAFF_PASSWORD"]}
            return first_time.run_missing(self.directory, self.settings | told, show, self.place)

    def start_broker(self, show):
        if self.servers.rabbitmq in self.servers.running:
            with show.step("RabbitMQ"):
                self.servers.rabbitmq.start()

    def start_databases(self, show):
        if self.servers.postgresql in self.servers.running:
            data = self.servers.postgresql.data
            elsewhere = "" if data.is_relative_to(self.directory.resolve()) else f" (données : {data})"
            with show.step(f"PostgreSQL{elsewhere}"):
                self.servers.postgresql.start()
                self.databases = provision.provision_private(self.servers.postgresql, self.secrets)

    def write_settings(self):
        brokers = self.brokers or {name: self.servers.rabbitmq.url(name, provision.VHOST) for name in keys.PARTICIPANTS}
        settings = environment.build(self.directory, self.secrets, self.ports, self.databases, brokers)
        settings = environment.overridden(settings, self.given)
        environment.write(self.directory / "env", settings)
        return settings

    def migrate(self, show):
        with show.step("Tables"):
            programs.migrate(SERVICES, self.settings)

    def start_programs(self):
        configuration = supervision.write(self.directory, programs.programs(self.settings))
        log = self.directory / "logs" / "supervisord.out"
        command, env = supervision.command(configuration), environment.for_process({})
        self.ledger.launch("supervisord", command, log, cwd=ROOT, env=env)

    def wait_until_ready(self, show):
        everything = programs.programs(self.settings)
        label = "Services, passerelle et boîte aux lettres"
        with show.step(label) as describe:
            tick = lambda waiting: describe(f"{label} : attend {', '.join(waiting)}" if waiting else label)  # noqa: E731
            late = programs.wait_until_ready(everything, PATIENCE, tick=tick)
        if late:
            raise DidNotStart(f"pas prêts : {', '.join(late)} (journaux : {self.directory}/logs)")

    def watch(self, ended, show):
        """Return when asked to end; what dies meanwhile and has no supervisor is started again, for ever."""
        pause = 1.0
        while not ended.wait(pause):
            try:
                self.revive()
                pause = 1.0
            except DidNotStart as error:
                show.tell(escape(str(error)))
                pause = min(pause * 2, LONGEST_PAUSE)

    def revive(self):
        if not self.ledger.find("supervisord"):
            self.start_programs()
        self.servers.revive()

    def stop(self):
        stop_in_order(self.ledger)


# The services end first, so that none sees its servers vanish; PostgreSQL disconnects clients only when interrupted.
STOPS = {
    "run": signal.SIGTERM,
    "supervisord": signal.SIGTERM,
    "rabbitmq": signal.SIGTERM,
    "epmd": signal.SIGTERM,
    "postgresql": signal.SIGINT,
}


def stop_in_order(ledger):
    """Stop what the ledger lists, except ourselves."""
    for name, number in STOPS.items():
        record = ledger.find(name)
        if record and record.pid != os.getpid():
            processes.stop([record], number, patience=50.0)


# -- the terminal

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def where_to_look(installation):
    """Return what a person needs next: addresses and log-ins."""
    settings, password = installation.settings, installation.secrets["STAFF_PASSWORD"]
    rows = [
        ("Un SIREN à essayer", first_time.company_to_try(installation.directory)),
        ("Site et API", settings["PUBLIC_URL"]),
        ("Documentation de l’API", f"{settings['PUBLIC_URL']}/api/docs"),
        ("Santé", f"{settings['PUBLIC_URL']}/etat"),
        ("Courriels envoyés", settings["MAILBOX_URL"]),
        ("Compte du support", first_time.staff_log_in(installation.directory, installation.place, password)),
    ]
    lines = [f"[bold]{label:<24}[/bold]{escape(value)}" for label, value in rows]
    return "\n".join([*lines, "", "Ctrl-C arrête tout ; « make reset » oublie les données."])


def listen_for_the_end():
    """Return the event that Ctrl-C and `make stop` set."""
    ended = threading.Event()
    for number in ENDINGS:
        signal.signal(number, lambda *_: ended.set())
    return ended


def run(installation, show):
    try:
        problems = installation.start(show)
        for label, error in problems.items():
            show.console.print(f"[yellow]{label} : échec, repris au prochain démarrage[/yellow]\n{escape(error)}")
        show.console.print(Panel(where_to_look(installation), title="Tout est prêt"))
        installation.watch(listen_for_the_end(), show)
    except KeyboardInterrupt:
        pass
    finally:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)  # The stop is under way; cut short, it would leave servers behind.
        try:
            show.tell("Arrêt…")
        finally:
            installation.stop()  # Whatever happens to the words: nothing else would ever stop the servers.
        show.tell("Tout est arrêté.")


def main():
    show = Show()
    for number in ENDINGS:
        signal.signal(number, signal.default_int_handler)
    try:
        with hold(RUN):
            installation = Installation()
            installation.claim()
            run(installation, show)
    except AlreadyRuns:
        sys.exit("Déjà lancé depuis ce dossier : « make stop » d'abord.")
    except provision.SettingsAreIncomplete as error:
        sys.exit(f"Réglages incomplets : {error}.\nVoir « Vos propres serveurs » dans README.md.")
    except (DidNotStart, programs.CommandFailed) as error:
        sys.exit(f"Le démarrage a échoué.\n{error}")


if __name__ == "__main__":
    main()
