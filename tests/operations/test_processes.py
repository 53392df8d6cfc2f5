"""Only what is proved to be ours is stopped."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys

import pytest

from operations.local import ports, postgresql, processes
from operations.local.places import RUN
from operations.local.rabbitmq import RabbitMQ
from operations.local.server import DidNotStart


@pytest.fixture
def ledger(tmp_path):
    return processes.Ledger(tmp_path / "processes.json")


def launch(ledger, name, tmp_path):
    ledger.launch(name, [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    return ledger.find(name)


class TestLedger:
    def test_stops_what_it_launched(self, ledger, tmp_path):
        record = launch(ledger, "one", tmp_path)

        assert processes.stop([record]) == []
        assert ledger.living() == []

    def test_kills_what_does_not_listen(self, ledger, tmp_path):
        record = launch(ledger, "deaf", tmp_path)

        assert processes.stop([record], signal.SIGCONT, patience=0.1) == ["deaf"]
        assert not record.is_alive()

    def test_leaves_a_stranger_with_the_same_pid_alone(self, ledger, tmp_path):
        stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        mistaken = dataclasses.replace(processes.record_of("x", stranger.pid), started=1)

        processes.stop([mistaken])

        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()

    def test_leaves_pids_of_an_earlier_boot_alone(self):
        mine = dataclasses.replace(processes.record_of("me", os.getpid()), boot="earlier")

        assert not mine.is_alive()

    @pytest.mark.parametrize("content", ["", "[{", '[{"name": 1}]', "{}"])
    def test_bears_a_damaged_file(self, ledger, content):
        ledger.path.write_text(content)

        assert ledger.living() == []


class TestPorts:
    def test_are_remembered(self, tmp_path):
        port = ports.Ports(tmp_path / "ports.json")["gateway"]

        assert ports.Ports(tmp_path / "ports.json")["gateway"] == port

    def test_change_when_somebody_took_them(self, tmp_path):
        port = ports.Ports(tmp_path / "ports.json")["gateway"]
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", port))
            thief.listen()

            assert ports.Ports(tmp_path / "ports.json")["gateway"] != port

    def test_prefer_the_one_that_people_know(self, tmp_path):
        wish = ports.free_port()

        assert ports.Ports(tmp_path / "ports.json", {"gateway": wish})["gateway"] == wish


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
class TestPlaceOfData:
    def test_is_moved_where_the_servers_user_reaches_it(self, tmp_path):
        tmp_path.chmod(0o700)

        assert postgresql.reachable_by_server(tmp_path / "postgresql").is_relative_to(postgresql.ELSEWHERE)

    def test_is_kept_where_it_can_be_reached(self):
        assert postgresql.reachable_by_server(RUN / "postgresql") == RUN / "postgresql" or not postgresql.can_reach(RUN)


class TestPlaceWhereEverybodyWrites:
    """Root must not be led elsewhere by what another account put under /var/tmp before it."""

    @pytest.fixture
    def data(self, tmp_path, monkeypatch):
        monkeypatch.setattr(postgresql, "ELSEWHERE", tmp_path)
        return tmp_path / "emplois-0123456789ab" / "postgresql"

    def test_is_made_for_us_alone(self, data):
        postgresql.check_place(data)
        postgresql.make_directory(data)
        postgresql.check_place(data)

        assert data.parent.stat().st_mode & 0o777 == 0o711
        assert data.stat().st_mode & 0o777 == 0o700

    def test_is_refused_as_a_link(self, data, tmp_path):
        (tmp_path / "victim").mkdir()
        data.parent.symlink_to(tmp_path / "victim")

        with pytest.raises(DidNotStart, match="un autre compte"):
            postgresql.check_place(data)

    def test_is_refused_as_a_link_to_nowhere(self, data, tmp_path):
        data.parent.symlink_to(tmp_path / "nothing")

        with pytest.raises(DidNotStart, match="un autre compte"):
            postgresql.check_place(data)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
    def test_is_refused_as_anothers(self, data):
        data.parent.mkdir(mode=0o711)
        os.chown(data.parent, 65534, 65534)

        with pytest.raises(DidNotStart, match="un autre compte"):
            postgresql.check_place(data)

    def test_is_refused_where_others_write(self, data):
        data.parent.mkdir()
        data.parent.chmod(0o777)

        with pytest.raises(DidNotStart, match="un autre compte"):
            postgresql.check_place(data)

    def test_holds_no_link_to_the_data(self, data, tmp_path):
        data.parent.mkdir(mode=0o711)
        data.symlink_to(tmp_path)

        with pytest.raises(DidNotStart, match="lien symbolique"):
            postgresql.check_place(data)

    def test_is_checked_before_each_start(self, data, monkeypatch):
        data.parent.mkdir(mode=0o711)
        data.symlink_to(data.parent)
        monkeypatch.setattr(postgresql, "reachable_by_server", lambda wanted: data)
        server = postgresql.PostgreSQL(data.parent, None, None, "password")

        with pytest.raises(DidNotStart):
            server.prepare()


@pytest.mark.parametrize("name", ["l'inclusion", 'l"inclusion'])
def test_rabbitmq_says_under_which_paths_it_would_hang(name, tmp_path):
    with pytest.raises(DidNotStart, match="une apostrophe ou un guillemet"):
        RabbitMQ(tmp_path / name, None, None, {}, [], None).prepare()
