"""`./emplois import` and `import-state`, with a stand-in for the bus: what an operator sees when things go wrong, and right."""

import csv
import os
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts.errors import NotFound
from contracts.sync import FileIsMissing, FindingLevel, RunNotFound
from contracts.vocabulary import RunState
from operations.commands import asking, delivery, run_report
from operations.commands.__main__ import emplois
from tests.factories.sync import SUMMARY

RUN_ID = UUID("01999999-0000-7000-8000-000000000001")
GOES_ON = f"L'import continue sans cette commande ; pour savoir où il en est : ./emplois import-state {RUN_ID}"
VIEWS = [
    {"view": "Structure", "extracted_at": datetime(2026, 11, 20, 7, 15, tzinfo=UTC), "record_count": 50, "has_fin": True},
    {"view": "AnnexeFinanciere", "extracted_at": None, "record_count": 400, "has_fin": False},
]


def run(state=RunState.RECEIVED, **changes):
    """A run as sync tells of it; read once it has left the queue."""
    was_read = state not in (RunState.RECEIVED, RunState.REFUSED)
    told = {
        "run_id": RUN_ID, "state": state, "is_dry": False, "is_queued": False, "refusal": None,
        "read_count": 450 if was_read else 0, "reject_count": 0, "remark_count": 0, "views": VIEWS if was_read else [],
        "batch_count": 2, "sent_batch_count": 1, "opened_at": datetime.now(UTC),
        "summary": SUMMARY if state in (RunState.PLANNED, RunState.APPLIED) else None,
    }  # fmt: skip
    return told | changes


def finding(position, level=FindingLevel.REJECT, **changes):
    told = {
        "position": position, "level": level, "view": "Structure", "line_number": position + 2,
        "column": "structure_code_naf", "code": "naf", "message": "« ? » n'est pas un code NAF.",
    }  # fmt: skip
    return told | changes


class Clock:
    """Time that passes when somebody sleeps; `on_sleep` is what happens meanwhile."""

    def __init__(self):
        self.now, self.on_sleep = 1000.0, lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += max(seconds, 0.1)
        self.on_sleep()


class Bus:
    """Answers each method from its script, in order, the last one for ever; an exception in it is raised."""

    def __init__(self, _settings=None):
        self.link = SimpleNamespace(stop=lambda: None)
        self.scripts = {
            "open_run": [run()],
            "get_run": [run(RunState.APPLIED)],
            "list_rejects": [{"items": [], "total_count": 0}],
            "list_remarks": [{"items": [], "total_count": 0}],
        }
        self.calls = []

    def start(self):
        pass

    def call(self, method, request, key=None):
        self.calls.append((method.verb, request, key))
        script = self.scripts[method.verb]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(**request) if callable(answer) else answer

    def asked(self, verb):
        return [(request, key) for name, request, key in self.calls if name == verb]


@pytest.fixture
def bus(monkeypatch):
    made = Bus()
    monkeypatch.setattr(asking, "Caller", lambda settings: made)
    monkeypatch.setattr(asking, "read_bus_settings", lambda name: None)
    return made


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (asking, delivery):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def files_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("FILES_DIR", str(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "livraison"
    made.mkdir()
    for view in ("Structure", "AnnexeFinanciere"):
        (made / f"fluxIAE_{view}_20112026_081500.csv").write_text("DEB…")
    return made


@pytest.fixture
def command(bus, clock, files_dir):
    """`command("import", …)`: what a command gave."""
    return lambda *words: CliRunner().invoke(emplois, [str(word) for word in words])


def directory_named_like_a_file(folder):
    (folder / "fluxIAE_autres").mkdir()


def broken_link(folder):
    (folder / "fluxIAE_Structure_2.csv").symlink_to(folder / "parti.csv")


def link_to_itself(folder):
    (folder / "fluxIAE_Structure_2.csv").symlink_to(folder / "fluxIAE_Structure_2.csv")


def undecodable_name(folder):
    (folder / os.fsdecode(b"fluxIAE_Structure_\xe9t\xe9.csv")).write_text("DEB…")


def pipe(folder):
    os.mkfifo(folder / "fluxIAE_Structure_2.csv")


MISTAKES = {
    "directory": (directory_named_like_a_file, "fluxIAE_autres : c'est un dossier, un fichier est attendu."),
    "broken link": (broken_link, "fluxIAE_Structure_2.csv : ce lien mène à un fichier qui n'existe pas."),
    "link to itself": (link_to_itself, "(ce lien tourne en rond)."),
    "undecodable name": (undecodable_name, "ce nom de fichier n'est pas en UTF-8 ; renommez-le."),
    "pipe": (pipe, "fluxIAE_Structure_2.csv : ce n'est pas un fichier ordinaire."),
}


def fails_with(result, status, message):
    """One sentence and a status, nothing else: no traceback, in particular."""
    assert isinstance(result.exception, SystemExit), result.output
    assert (result.exit_code, result.stdout) == (status, "")
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1


class TestWrongFiles:
    @pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
    def test_are_told_in_one_sentence(self, command, bus, folder, files_dir, mistake, message):
        mistake(folder)
        fails_with(command("import", folder), 1, message)
        assert (bus.calls, files_dir.exists()) == ([], False)

    def test_that_may_not_be_read_are_told(self, command, folder, monkeypatch):
        """As root nothing is unreadable: the system's answer is played."""
        opened = type(folder).open

        def refuse(path, *arguments, **options):
            if path.name.startswith("fluxIAE_Structure"):
                raise PermissionError(13, "Permission denied")
            return opened(path, *arguments, **options)

        monkeypatch.setattr(type(folder), "open", refuse)
        fails_with(
            command("import", folder), 1, "081500.csv : impossible de lire ce fichier ou ce dossier (vous n'en avez pas le"
        )

    def test_that_do_not_exist_are_a_wrong_use(self, command, tmp_path):
        fails_with(command("import", tmp_path / "absent"), 2, "absent : ce fichier ou ce dossier n'existe pas.")
        fails_with(command("import"), 2, "Indiquez la livraison : un dossier, une archive, ou les deux fichiers.")

    def test_of_an_empty_folder_are_told(self, command, tmp_path):
        fails_with(command("import", tmp_path), 1, "Aucun fichier « fluxIAE_… » dans ce dossier.")

    def test_that_cannot_be_put_down_are_told(self, command, folder, files_dir):
        files_dir.write_text("un fichier")
        result = command("import", folder)
        assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
        assert "ne peut pas être déposé dans" in result.stderr


class TestWrongRejects:
    @pytest.mark.parametrize(
        ("where", "message"), [("absent/r.csv", "ce dossier n'existe pas"), ("livraison", "c'est un dossier")]
    )
    def test_are_told_before_anything_starts(self, command, bus, folder, tmp_path, where, message):
        fails_with(command("import", "--rejects", tmp_path / where, folder), 2, message)
        assert bus.calls == []

    def test_are_told_afterwards_where_the_disk_fills(self, command, bus, folder):
        result = command("import", "--rejects", "/dev/full", folder)
        assert result.exit_code == 1 and "/dev/full : ce fichier ne peut pas être écrit (le disque est plein)." in result.stderr
        assert "Lignes lues" in result.stdout


class TestOpening:
    def stored(self, files_dir):
        return sorted(files_dir.iterdir()) if files_dir.exists() else []

    def test_puts_files_where_only_their_owner_reads_them(self, command, bus, folder, files_dir):
        assert command("import", folder).exit_code == 0
        assert [oct(path.stat().st_mode & 0o777) for path in self.stored(files_dir)] == ["0o600", "0o600"]

    @pytest.mark.parametrize("error", [FileIsMissing(), CallFailed("r1"), BusIsDown()])
    def test_removes_them_when_it_fails(self, command, bus, folder, files_dir, error):
        bus.scripts["open_run"] = [error]
        result = command("import", folder)
        assert (result.exit_code, self.stored(files_dir)) == (1, [])
        assert len(result.stderr.strip().splitlines()) == 1

    def test_removes_them_when_it_is_interrupted(self, command, bus, folder, files_dir):
        bus.scripts["open_run"] = [KeyboardInterrupt()]
        result = command("import", folder)
        assert (result.exit_code, self.stored(files_dir)) == (130, [])
        assert "Interrompu avant que l'import soit ouvert" in result.stderr

    def test_is_asked_again_under_the_same_key(self, command, bus, folder, files_dir):
        """The run may be open though the answer was lost."""
        bus.scripts["open_run"] = [CallTimedOut(), run()]
        assert command("import", folder).exit_code == 0
        keys = {key for _, key in bus.asked("open_run")}
        assert len(bus.asked("open_run")) == 2 and len(keys) == 1 and keys != {None}
        assert len(self.stored(files_dir)) == 2


class TestFollowing:
    def test_says_which_run_at_once(self, command, bus, folder):
        bus.scripts["get_run"] = [NotFound("Perdu.")]
        assert str(RUN_ID) in command("import", folder).stdout

    def test_says_that_it_waits_for_another(self, command, bus, folder):
        bus.scripts["get_run"] = [run(is_queued=True), run(), run(RunState.STAGED), run(RunState.APPLIED)]
        lines = command("import", folder).stdout.splitlines()
        assert lines[1:5] == ["en attente d'un autre import", "lecture des fichiers", "envoi aux organisations", "appliqué"]

    def test_waits_a_minute_for_a_service_that_starts_again(self, command, bus, clock, folder):
        bus.scripts["get_run"] = [*[BusIsDown()] * 30, *[CallTimedOut()] * 29, run(RunState.APPLIED)]
        result = command("import", folder)
        assert result.exit_code == 0, result.output
        assert result.stdout.count("Le service ne répond pas : nouveaux essais pendant 60 secondes…") == 1

    def test_gives_up_saying_that_the_import_goes_on(self, command, bus, clock, folder):
        bus.scripts["get_run"] = [BusIsDown()]
        began = clock.now
        result = command("import", folder)
        assert clock.now - began >= 60 and result.exit_code == 1
        assert GOES_ON in result.stderr.splitlines()

    @pytest.mark.parametrize("error", [CallFailed("r1"), BusIsDown()])
    def test_says_so_too_when_only_the_report_fails(self, command, bus, folder, error):
        bus.scripts["list_rejects"] = [error]
        result = command("import", folder)
        assert result.exit_code == 1 and GOES_ON in result.stderr.splitlines()

    def test_says_so_when_it_is_interrupted(self, command, bus, clock, folder):
        def interrupt():
            raise KeyboardInterrupt

        bus.scripts["get_run"], clock.on_sleep = [run(RunState.STAGED)], interrupt
        result = command("import", folder)
        assert (result.exit_code, result.stderr.strip()) == (130, GOES_ON)


class TestReport:
    def test_tells_what_was_read_and_what_changes(self, command, bus, folder):
        unknown = {"count": 12, "structures": [f"EI {number}" for number in range(12)]}
        summary = SUMMARY | {"structures_created": 7, "signatures_updated": 3, "held": {"unknown": unknown}}
        bus.scripts["get_run"] = [run(RunState.APPLIED, summary=summary)]
        told = rows(command("import", folder).stdout)
        assert told["Vue Structure"] == "50 lues, du 20/11/2026 08:15"
        assert told["Vue AnnexeFinanciere"] == "400 lues, sans date, sans ligne FIN"
        assert (told["Lignes lues"], told["Structures créées"], told["SIRET de signature modifiés"]) == ("450", "7", "3")
        numbers = ", ".join(f"EI {number}" for number in range(10))
        assert told["Structures laissées en l'état"] == f"12 ({numbers}, …)"

    def test_lists_the_first_findings_with_their_columns(self, command, bus, folder):
        remark = finding(40, FindingLevel.REMARK, column=None, message="Étrange, " * 30)
        bus.scripts["list_rejects"] = [{"items": [finding(number) for number in range(1, 11)], "total_count": 25}]
        bus.scripts["list_remarks"] = [{"items": [remark], "total_count": 1}]
        result = command("import", folder)
        lines = result.stdout.splitlines()
        assert "  Structure ligne 3, structure_code_naf : « ? » n'est pas un code NAF." in lines
        assert f"  Structure ligne 42 : {remark['message']}" in lines  # However long: what is piped is not wrapped.
        assert "  … et 15 de plus : --rejects FICHIER.csv les écrit toutes." in lines
        assert (rows(result.stdout)["Lignes écartées"], rows(result.stdout)["Remarques"]) == ("25", "1")
        assert [request["limit"] for request, _ in bus.asked("list_rejects")] == [10]

    def test_writes_all_of_them_with_their_level(self, command, bus, folder, tmp_path, monkeypatch):
        monkeypatch.setattr(run_report, "PAGE", 2)
        bus.scripts["list_rejects"] = [lambda run_id, after, limit: page(range(1, 6), after, limit, FindingLevel.REJECT)]
        bus.scripts["list_remarks"] = [lambda run_id, after, limit: page(range(6, 8), after, limit, FindingLevel.REMARK)]
        result = command("import", folder, "--rejects", tmp_path / "r.csv")
        written = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()))
        assert [(row["level"], row["line_number"]) for row in written] == [
            ("reject", "3"), ("reject", "4"), ("reject", "5"), ("reject", "6"), ("reject", "7"), ("remark", "8"), ("remark", "9"),
        ]  # fmt: skip
        assert written[0]["column"] == "structure_code_naf"
        assert f"5 lignes écartées sur 5 et 2 remarques sur 2 écrites dans {tmp_path}/r.csv" in result.stdout

    def test_of_a_refused_file_is_its_message_alone(self, command, bus, folder):
        message = "Vue « Structure », ligne 1 : c'est la vue « Salarie » qui s'y trouve, " + "et bien d'autres choses " * 5
        bus.scripts["get_run"] = [run(RunState.REFUSED, refusal=message.strip())]
        result = command("import", folder)
        assert result.exit_code == 1
        assert result.stderr == f"{message.strip()}\n"
        assert result.stdout.splitlines() == [f"Import {RUN_ID}", "refusé"]


class TestImportState:
    def test_shows_where_an_import_stands(self, command, bus):
        bus.scripts["get_run"] = [run(RunState.STAGED)]
        result = command("import-state", RUN_ID)
        assert (result.exit_code, bus.asked("get_run")[0][0]) == (0, {"run_id": RUN_ID})
        assert result.stdout.splitlines()[0] == f"Import {RUN_ID} : envoi aux organisations"
        assert rows(result.stdout)["Lignes lues"] == "450" and "Structures créées" not in result.stdout

    def test_shows_its_plan(self, command, bus):
        bus.scripts["get_run"] = [run(RunState.PLANNED, is_dry=True, summary=SUMMARY | {"structures_created": 4})]
        assert rows(command("import-state", RUN_ID).stdout)["Structures créées"] == "4"

    def test_writes_its_findings(self, command, bus, tmp_path):
        bus.scripts["list_rejects"] = [{"items": [finding(1)], "total_count": 1}]
        command("import-state", RUN_ID, "--rejects", tmp_path / "r.csv")
        assert "structure_code_naf" in (tmp_path / "r.csv").read_text(encoding="utf-8")

    def test_tells_why_one_was_refused(self, command, bus):
        bus.scripts["get_run"] = [run(RunState.REFUSED, refusal="Vue « Structure » : le fichier est vide.")]
        result = command("import-state", RUN_ID)
        assert (result.exit_code, result.stderr) == (1, "Vue « Structure » : le fichier est vide.\n")

    def test_knows_no_other(self, command, bus):
        bus.scripts["get_run"] = [RunNotFound()]
        fails_with(command("import-state", RUN_ID), 1, "Aucun import ne porte cet identifiant.")

    @pytest.mark.parametrize("words", [["pas-un-identifiant"], []])
    def test_takes_an_identifier(self, command, words):
        fails_with(command("import-state", *words), 2, "n'est pas un identifiant d'import")


class TestGenerateDelivery:
    def test_wants_a_folder(self, command, folder):
        fails_with(command("generate-delivery"), 2, "Indiquez le dossier où écrire la livraison.")
        fails_with(command("generate-delivery", next(folder.iterdir())), 2, "c'est un fichier, un dossier est attendu.")


def rows(shown):
    """The cells of a printed table, by their label."""
    lines = [line.strip("│ ").split("│") for line in shown.splitlines() if line.startswith("│")]
    return {label.strip(): value.strip() for label, value in lines}


def page(positions, after, limit, level):
    found = [finding(position, level) for position in positions if position > after]
    return {"items": found[:limit], "total_count": len(positions)}
