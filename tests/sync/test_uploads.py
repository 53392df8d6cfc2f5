"""Uploaded files: for their owner's eyes, found by what is told of them, gone when nobody needs them."""

import io
import os
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.files import Files
from contracts.sync import FileIsMissing
from services.sync import actions, uploads
from tests.factories import sync as make
from tests.factories.sync import OPERATOR, SYNC


class Torn(io.BytesIO):
    """A source that cannot be read to its end."""

    def read(self, size=-1):
        raise OSError(5, "Input/output error")


class TestPut:
    def test_is_for_the_eyes_of_its_owner(self, files_dir):
        (file,) = make.stored(files_dir, {"a.csv": b"un"})
        assert (files_dir / file["file_id"].hex).stat().st_mode & 0o777 == 0o600

    def test_leaves_nothing_where_it_fails(self, files_dir):
        with pytest.raises(OSError):
            Files(files_dir).put(Torn(), "a.csv")
        assert list(files_dir.iterdir()) == []


class TestFindUploads:
    def test_gives_each_file_with_its_name(self, files_dir):
        files = make.stored(files_dir, {"a.csv": b"un", "b.csv": b"deux"})
        found = uploads.find_uploads(files_dir, files)
        assert [(path.read_bytes(), name) for path, name in found] == [(b"un", "a.csv"), (b"deux", "b.csv")]

    @pytest.mark.parametrize("change", [{"size": 3}, {"sha256": "00" * 32}, {"file_id": uuid4()}])
    def test_refuses_a_file_that_is_not_the_one_told_of(self, files_dir, change):
        (file,) = make.stored(files_dir, {"a.csv": b"un"})
        with pytest.raises(FileIsMissing):
            uploads.find_uploads(files_dir, [file | change])


class TestSweepUploads:
    """Architecture 8: what nobody adopted goes after 24 h."""

    def age(self, files_dir, hours):
        for path in files_dir.iterdir():
            when = path.stat().st_mtime - hours * 3600
            os.utime(path, (when, when))

    def sweep(self, bench, files_dir):
        needed, before = bench.act(actions.list_needed_uploads, SYNC)
        uploads.sweep_uploads(files_dir, needed, before)

    @pytest.fixture(autouse=True)
    def _today(self, bench):
        bench.move_clock(timedelta())

    @pytest.mark.parametrize(("hours", "stays"), [(23, True), (25, False)])
    def test_removes_what_no_run_took_within_a_day(self, bench, files_dir, hours, stays):
        make.stored(files_dir, {"a.csv": b"un"})
        (files_dir / f"{uuid4().hex}.part").write_bytes(b"cut")
        self.age(files_dir, hours)
        self.sweep(bench, files_dir)
        assert len(list(files_dir.iterdir())) == (2 if stays else 0)

    def test_keeps_what_an_open_run_names(self, bench, files_dir):
        for state in ("received", "refused"):
            run = bench.act(actions.open_run, OPERATOR, files=make.stored(files_dir, {"a.csv": b"un"}), is_dry=False)
            if state == "refused":
                bench.act(actions.refuse_run, SYNC, run_id=run.run_id, refusal="non")
        self.age(files_dir, 48)
        self.sweep(bench, files_dir)
        (kept,) = bench.rows("SELECT file_id FROM run_files JOIN runs USING (run_id) WHERE state = 'received'")
        assert [path.name for path in files_dir.iterdir()] == [kept.file_id.hex]

    def test_touches_nothing_else(self, bench, files_dir):
        files_dir.mkdir()
        (files_dir / "lisezmoi.txt").write_text("bonjour")
        self.age(files_dir, 48)
        self.sweep(bench, files_dir)
        self.sweep(bench, files_dir / "absent")
        assert [path.name for path in files_dir.iterdir()] == ["lisezmoi.txt"]
