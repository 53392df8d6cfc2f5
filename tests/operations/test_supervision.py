"""supervisord gets every setting as it is, and never gives a program up."""

import json
import shlex
import subprocess

from supervisor.options import ServerOptions

from operations.local import supervision
from operations.local.programs import Program

ODD = {"SITE_NAME": 'L’emploi, 100 % "d\'ici" ; #1', "PLAIN": "a=b,c=d", "BACKSLASH": "a\\b"}


def parsed(tmp_path, program):
    path = supervision.write(tmp_path, [program])
    options = ServerOptions()
    options.realize(["-n", "-c", str(path)])
    return options.process_group_configs[0].process_configs[0]


def output_of(process):
    return subprocess.run(shlex.split(process.command), capture_output=True, text=True, check=True).stdout.strip()


class TestConfiguration:
    def test_hands_settings_over_unchanged(self, tmp_path):
        script = f"import json, os; print(json.dumps([os.environ[name] for name in {list(ODD)}]))"

        process = parsed(tmp_path, Program("one", ("-c", script), ODD, ""))

        assert json.loads(output_of(process)) == list(ODD.values())

    def test_keeps_them_to_their_owner(self, tmp_path):
        parsed(tmp_path, Program("one", ("-c", "pass"), ODD, ""))

        assert (tmp_path / "settings" / "one").stat().st_mode & 0o077 == 0

    def test_never_gives_up(self, tmp_path):
        process = parsed(tmp_path, Program("one", ("-c", "pass"), {}, ""))

        assert process.startretries > 10_000
        assert process.startsecs == 10

    def test_starts_what_it_was_told_to(self, tmp_path):
        script = "import sys; print(sys.argv[1:])"

        process = parsed(tmp_path, Program("one", ("-c", script, "50 %", 'a"b'), {}, ""))

        assert output_of(process) == "['50 %', 'a\"b']"

    def test_bears_a_path_that_means_something_to_it(self, tmp_path):
        odd = tmp_path / "100 %"
        odd.mkdir()

        process = parsed(odd, Program("one", ("-c", "print(1)"), {}, ""))

        assert process.stdout_logfile == f"{odd}/logs/one.log"
        assert output_of(process) == "1"

    def test_opens_no_socket_whose_path_is_too_long(self, tmp_path):
        deep = tmp_path / ("d" * 90)

        assert supervision.control_sections(deep) == []
        assert supervision.control_sections(tmp_path.parent)
