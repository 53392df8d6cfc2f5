"""`make run` from its first process to its last, with stand-ins for the services."""

import contextlib
import errno
import io
import os
import signal
import socket
import time
import urllib.request

import psycopg
import pytest
from rich.console import Console

from operations.local import environment, first_time, processes, programs
from operations.local import hold as local_hold
from operations.local import run as local_run
from operations.local import stop as local_stop
from operations.local.places import ROOT
from operations.local.server import DidNotStart
from operations.local.show import Show


def standins(settings):
    port = settings["ACCOUNTS_HEALTH_PORT"]
    own = environment.for_process(environment.of_participant(settings, "accounts"))
    arguments = (str(ROOT / "tests" / "operations" / "standin.py"), port)
    mailbox = programs.program("mailbox", programs.mailbox_arguments(settings), settings)
    return [programs.Program("accounts", arguments, own, f"http://127.0.0.1:{port}/readyz"), mailbox]


@pytest.fixture(scope="class")
def installation(servers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "programs", standins)
        patch.setattr(programs, "migrate", lambda services, settings: "")
        patch.setattr(first_time, "steps", lambda directory: [])
        held = contextlib.ExitStack()
        held.enter_context(local_hold.hold(servers.directory / "installation"))
        made = local_run.Installation(servers.directory / "installation", given={})
        made.claim()
        made.held = held
        yield made
        made.stop()
        held.close()


def quiet():
    return Show(Console(file=io.StringIO()))


class TestFirstTime:
    """Each step succeeds once; a failed one is tried again at the next start, and those after it wait."""

    def test_goes_on_where_it_stopped(self, tmp_path, monkeypatch):
        ran, broken = [], {"import"}

        def command_line(words, settings):
            if words[0] in broken:
                raise programs.CommandFailed("la livraison est tronquée")
            ran.append(words[0])

        monkeypatch.setattr(programs, "command_line", command_line)
        with quiet().steps() as show:
            assert "tronquée" in str(first_time.run_missing(tmp_path, {}, show))
            broken.clear()
            assert first_time.run_missing(tmp_path, {}, show) == {}

        assert ran == [step.words[0] for step in first_time.steps(tmp_path)]

    def test_is_once_for_each_set_of_databases(self, tmp_path, monkeypatch):
        ran = []
        monkeypatch.setattr(programs, "command_line", lambda words, settings: ran.append(words[0]))
        every = [step.words[0] for step in first_time.steps(tmp_path)]
        own = first_time.place_of({"accounts": "postgresql://accounts:pw@db.example/accounts"})
        again = first_time.place_of({"accounts": "postgresql://accounts:another@db.example/accounts"})

        with quiet().steps() as show:
            for place in (first_time.PRIVATE, own, again, first_time.PRIVATE):
                first_time.run_missing(tmp_path, {}, show, place)

        assert ran == every + every

    def test_takes_an_account_that_is_there_for_made(self, tmp_path, monkeypatch):
        """We were killed after it was made and before that was noted, or it was made from another clone."""

        def command_line(words, settings):
            if words[0] == "create-staff":
                raise programs.CommandFailed("Un compte existe déjà", status=first_time.THERE_ALREADY)

        monkeypatch.setattr(programs, "command_line", command_line)
        with quiet().steps() as show:
            assert first_time.run_missing(tmp_path, {}, show) == {}
            assert first_time.run_missing(tmp_path, {}, show, "own") == {}

        assert "secret" in first_time.staff_log_in(tmp_path, first_time.PRIVATE, "secret")
        assert "secret" not in first_time.staff_log_in(tmp_path, "own", "secret")


class Running:
    """An installation of which only the end matters."""

    def __init__(self):
        self.is_stopped = False

    def start(self, show):
        raise KeyboardInterrupt

    def stop(self):
        self.is_stopped = True


class TestEnd:
    @pytest.fixture(autouse=True)
    def signals(self):
        kept = {number: signal.getsignal(number) for number in local_run.ENDINGS}
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)

    @pytest.mark.parametrize(
        "gone", [BrokenPipeError(), OSError(errno.EIO, "closed terminal"), ValueError("closed file"), SystemExit(1)], ids=repr
    )
    def test_comes_although_nobody_reads_any_more(self, gone, monkeypatch):
        installation, show = Running(), quiet()

        def fails(*_):
            raise gone

        monkeypatch.setattr(show.console, "print", fails)
        local_run.run(installation, show)

        assert installation.is_stopped


class TestHold:
    def test_is_one_alone(self, tmp_path):
        with local_hold.hold(tmp_path):
            with pytest.raises(local_hold.AlreadyRuns), local_hold.hold(tmp_path):
                pass

        with local_hold.hold(tmp_path):
            pass

    def test_is_taken_before_anything_is_made(self, tmp_path, monkeypatch):
        """Two at once would each make secrets of their own."""
        monkeypatch.setattr(local_run, "RUN", tmp_path)
        monkeypatch.setattr(local_run, "Installation", lambda: pytest.fail("it starts all the same"))
        monkeypatch.setattr(local_run.signal, "signal", lambda *_: None)
        with local_hold.hold(tmp_path), pytest.raises(SystemExit, match="Déjà lancé"):
            local_run.main()

    def test_keeps_data_from_being_deleted_under_a_run(self, tmp_path):
        (tmp_path / "secrets").write_text("kept")
        with local_hold.hold(tmp_path), pytest.raises(local_hold.AlreadyRuns):
            local_stop.reset(tmp_path)

        assert (tmp_path / "secrets").exists()


def wait_for(condition, patience=20.0):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def descendants(record):
    children = f"/proc/{record.pid}/task/{record.pid}/children"
    with open(children) as file:
        return [int(pid) for pid in file.read().split()]


class TestInstallation:
    """One life, told in order: each test goes on where the one before it stopped."""

    pytestmark = pytest.mark.xdist_group("installation")

    def test_starts_everything(self, installation):
        problems = installation.start(quiet())

        assert problems == {}
        assert urllib.request.urlopen(installation.settings["MAILBOX_URL"]).status == 200

    def test_keeps_secrets_to_its_owner(self, installation):
        for name in ("secrets", "env", "settings/accounts"):
            assert (installation.directory / name).stat().st_mode & 0o077 == 0

    def test_writes_settings_that_a_shell_and_the_command_line_read(self, installation):
        assert environment.read(installation.directory / "env") == installation.settings

    def test_gives_each_service_a_database_of_its_own(self, installation):
        urls = installation.databases

        psycopg.connect(urls["accounts"]).close()
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(urls["accounts"].rpartition("/")[0] + "/sync")

    def test_refuses_a_second_run(self, installation):
        assert processes.Ledger(installation.directory / "processes.json").find("run").pid == os.getpid()

        with pytest.raises(local_hold.AlreadyRuns), local_hold.hold(installation.directory):
            pass

    def test_restarts_a_service_that_dies(self, installation):
        supervisord = installation.ledger.find("supervisord")
        before = descendants(supervisord)
        os.kill(before[0], signal.SIGKILL)

        wait_for(lambda: len(descendants(supervisord)) == 2 and descendants(supervisord) != before)

    def test_restarts_servers_that_die(self, installation):
        installation.servers.postgresql.kill()
        installation.servers.rabbitmq.kill()

        installation.revive()

        psycopg.connect(installation.databases["accounts"]).close()
        assert installation.servers.rabbitmq.is_ready()

    def test_waits_for_a_server_s_own_port(self, installation):
        """Everybody looks for it there: on another port it would be lost to those that run."""
        port = installation.servers.postgresql.port
        installation.servers.postgresql.kill()
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
            with pytest.raises(DidNotStart):
                installation.revive()

        installation.revive()

        assert installation.servers.postgresql.port == port
        psycopg.connect(installation.databases["accounts"]).close()

    def test_cleans_up_behind_a_killed_run(self, installation):
        supervisord = installation.ledger.find("supervisord")
        programs_before = descendants(supervisord)
        processes.stop([supervisord], signal.SIGKILL)
        installation.ledger.remove("run")

        again = local_run.Installation(installation.directory, given={})
        again.claim()

        assert again.ledger.find("postgresql") is None
        wait_for(lambda: not any(processes.start_time(pid) for pid in programs_before))

    def test_starts_again_on_the_same_ports_and_data(self, installation):
        ports = dict(installation.ports.known)

        again = local_run.Installation(installation.directory, given={})
        again.start(quiet())

        assert again.ports.known == ports

    def test_stops_everything_it_started(self, installation):
        supervisord = installation.ledger.find("supervisord")
        children = descendants(supervisord)
        installation.ledger.remove("run")  # Or this very process would be told to end.

        stopped = local_stop.stop(installation.directory)

        assert sorted(stopped) == ["epmd", "postgresql", "rabbitmq", "supervisord"]
        assert installation.ledger.living() == []
        assert not any(processes.start_time(pid) for pid in children)

    def test_forgets_everything_on_reset(self, installation):
        installation.held.close()

        local_stop.reset(installation.directory)

        assert [path.name for path in installation.directory.iterdir()] == [local_hold.NAME]
