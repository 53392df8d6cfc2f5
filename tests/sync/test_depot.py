"""Deliveries as they come: any envelope, any name; refused when damaged, doubtful or dangerous."""

import gzip
import io
import stat
import zipfile

import pytest

from services.sync.asp import Reading, View
from services.sync.depot import DeliveryRefused, Limits, open_delivery
from services.sync.findings import FileRefused
from tests.sync.samples import record, text

STRUCTURE = text(View.STRUCTURE, record(View.STRUCTURE))
ANNEX = text(View.ANNEX, record(View.ANNEX))
OTHER_VIEW = b"DEBSalarie20112026_081500|\nsalarie_id|salarie_nom\nFIN0|\n"


def zipped(**entries):
    return zipped_as({f"{name}.csv": content for name, content in entries.items()})


def zipped_as(entries):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return archive.getvalue()


@pytest.fixture
def put(tmp_path):
    """`put(a=b"…")`: files, and their paths."""

    def write(**contents):
        paths = [tmp_path / name for name in contents]
        for path, content in zip(paths, contents.values(), strict=True):
            path.write_bytes(content)
        return paths

    return write


def counts(delivery):
    """How many records each view of a delivery gives, read to its end."""
    found = {}
    for view in View:
        with delivery.open(view) as stream:
            reading = Reading(stream, view)
            found[view] = sum(1 for _ in reading)
    return found


ENVELOPES = {
    "plain": {"one": STRUCTURE, "two": ANNEX},
    "the other order": {"one": ANNEX, "two": STRUCTURE},
    "gzip": {"one": gzip.compress(STRUCTURE), "two": gzip.compress(ANNEX)},
    "zip named gz": {"one.csv.gz": zipped(structure=STRUCTURE), "two.csv.gz": gzip.compress(ANNEX)},
    "one archive": {"fluxIAE_ITOU.tar.gz": zipped(one=STRUCTURE, two=ANNEX)},
    "archive of zips": {"depot": zipped(one=zipped(a=STRUCTURE), two=zipped(b=ANNEX), three=OTHER_VIEW)},
    "archive of gzips": {"depot": zipped(one=gzip.compress(STRUCTURE), two=gzip.compress(ANNEX))},
    "archive and file": {"depot": zipped(one=STRUCTURE), "two": ANNEX},
    "folders inside": {"depot": zipped_as({"a/": b"", "a/x.csv": STRUCTURE, "b/y.csv": ANNEX})},
}


class TestOpenDelivery:
    @pytest.mark.parametrize("files", ENVELOPES.values(), ids=ENVELOPES)
    def test_believes_contents_rather_than_names(self, put, files):
        assert counts(open_delivery(put(**files))) == {View.STRUCTURE: 1, View.ANNEX: 1}

    def test_may_be_read_again(self, put):
        delivery = open_delivery(put(depot=zipped(one=zipped(a=STRUCTURE), two=ANNEX)))
        assert counts(delivery) == counts(delivery)

    def test_knows_files_by_the_names_that_people_gave(self, put):
        one, two = put(**{"0001": zipped(a=STRUCTURE), "0002": ANNEX})
        delivery = open_delivery([(one, "livraison.zip"), (two, "annexes.csv")])
        assert {view: source.name for view, source in delivery.sources.items()} == {
            View.STRUCTURE: "livraison.zip › a.csv",
            View.ANNEX: "annexes.csv",
        }

    def test_does_not_open_the_other_views_of_a_whole_delivery(self, put):
        others = {f"fluxIAE_{view}_20112026_081500.csv.gz": b"PK\x03\x04 damaged" for view in ("Salarie", "AnnexeFinanciereACI")}
        wanted = {"fluxIAE_Structure_1.csv.gz": zipped(a=STRUCTURE), "fluxIAE_AnnexeFinanciere_1.csv.gz": gzip.compress(ANNEX)}
        assert counts(open_delivery(put(depot=zipped_as(others | wanted)))) == {View.STRUCTURE: 1, View.ANNEX: 1}

    def test_leaves_a_damaged_first_line_to_the_parser_when_the_name_says_the_view(self, put):
        damaged = STRUCTURE.replace(b"structure_siret_actualise", b"structure_siret").partition(b"\n")[2]
        delivery = open_delivery(put(**{"fluxIAE_Structure_1.csv": damaged, "two": ANNEX}))
        assert delivery.sources[View.STRUCTURE].title == "fluxIAE_Structure_1.csv"


def with_password(content):
    """The archive with its entries marked as encrypted."""
    archive = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    return bytes(archive)


def link(name, target):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, target)
    return archive.getvalue()


FOUR_LEVELS = zipped(a=zipped(b=zipped(c=STRUCTURE)), two=ANNEX)
REFUSED = {
    "nothing": ({}, "Aucun fichier de la vue « Structure »"),
    "one view only": ({"one": STRUCTURE}, "Aucun fichier de la vue « AnnexeFinanciere »"),
    "wrong view": (
        {"one": STRUCTURE, "two": OTHER_VIEW},
        "Aucun fichier de la vue « AnnexeFinanciere » dans la livraison. Reçu, sans vue utile : two",
    ),
    "view of a longer name": (
        {"one": STRUCTURE, "two": ANNEX.replace(b"DEBAnnexeFinanciere", b"DEBAnnexeFinanciereACI")},
        "Aucun fichier de la vue « AnnexeFinanciere »",
    ),
    "twice": (
        {"one": STRUCTURE, "two": ANNEX, "three": gzip.compress(ANNEX)},
        "« AnnexeFinanciere » figure plusieurs fois : two, three",
    ),
    "password": ({"one": with_password(zipped(a=STRUCTURE)), "two": ANNEX}, "protégée par un mot de passe"),
    "too deep": ({"one": FOUR_LEVELS}, "trop d'archives imbriquées"),
    "gzip in gzip": ({"one": gzip.compress(gzip.compress(STRUCTURE)), "two": ANNEX}, "trop d'archives imbriquées"),
    "two files in a nested zip": ({"one": zipped(a=zipped(x=STRUCTURE, y=b""), b=ANNEX)}, "doit contenir un seul fichier, pas 2"),
    "outside": ({"one": zipped_as({"../a.csv": STRUCTURE, "b.csv": ANNEX})}, "un chemin ou un lien interdit"),
    "outside, backwards": ({"one": zipped_as({"..\\a.csv": STRUCTURE})}, "un chemin ou un lien interdit"),
    "absolute": ({"one": zipped_as({"/etc/a.csv": STRUCTURE})}, "un chemin ou un lien interdit"),
    "link": ({"one": link("a.csv", "/etc/hostname")}, "un chemin ou un lien interdit"),
    "cut zip": ({"one": zipped(a=STRUCTURE, b=ANNEX)[:-40]}, "l'archive est incomplète ou abîmée"),
    "damaged gzip": ({"one": b"\x1f\x8b" + b"\0" * 40, "two": ANNEX}, "l'archive est incomplète ou abîmée"),
    "too many entries": (
        {"one": zipped(**{f"f{number}": b"" for number in range(201)})},
        "annonce trop de fichiers (200 au plus)",
    ),
    "zip64": (
        {"one": zipped(a=STRUCTURE)[:-22] + b"PK\x06\x07" + b"\0" * 16 + zipped(a=STRUCTURE)[-22:]},
        "annonce trop de fichiers",
    ),
    "empty zip": ({"one": zipped()}, "Aucun fichier de la vue"),
    "two of one name, one spoilt": (
        {"fluxIAE_Structure_1.csv": STRUCTURE, "fluxIAE_Structure_2.csv": STRUCTURE.partition(b"\n")[2], "three": ANNEX},
        "« Structure » figure plusieurs fois",
    ),
}

# What the parser says of a file that bears a view's name.
NAMED = {
    "another view": (STRUCTURE.replace(b"DEBStructure", b"DEBSalarie"), "c'est la vue « Salarie » qui s'y trouve"),
    "the annexes": (ANNEX, "c'est la vue « AnnexeFinanciere » qui s'y trouve"),
    "malformed": (STRUCTURE.replace(b"DEBStructure20112026_", b"DEBStructure2026-"), "n'est pas de la forme DEB + vue"),
    "DEB alone": (b"DEB|" + STRUCTURE[30:], "n'est pas de la forme DEB + vue"),
    "empty": (b"", "le fichier est vide"),
}
HARMLESS = {f"fluxIAE_Ref{letter}_1.csv.gz": gzip.compress(OTHER_VIEW) for letter in "ABCDEFGHIJKLMNOPQRSTUVW"}


class TestRefusedDelivery:
    @pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
    def test_is_refused_in_french(self, put, files, message):
        with pytest.raises(DeliveryRefused) as refusal:
            open_delivery(put(**files))
        assert message in refusal.value.message

    @pytest.mark.parametrize(("content", "message"), NAMED.values(), ids=NAMED)
    def test_of_a_view_by_its_name_is_refused_by_the_parser(self, put, content, message):
        paths = put(**{"fluxIAE_Structure_20112026_081500.csv": content})
        if content != ANNEX:
            paths += put(two=ANNEX)
        with pytest.raises(FileRefused) as refusal:
            counts(open_delivery(paths))
        assert refusal.value.message.startswith("Vue « Structure »") and message in refusal.value.message

    def test_takes_names_that_were_swapped(self, put):
        delivery = open_delivery(put(**{"fluxIAE_Structure_1.csv": ANNEX, "fluxIAE_AnnexeFinanciere_1.csv": STRUCTURE}))
        assert counts(delivery) == {View.STRUCTURE: 1, View.ANNEX: 1}

    def test_says_the_cause_among_the_many_files_of_a_whole_delivery(self, put):
        protected = with_password(zipped(a=STRUCTURE))
        wanted = {"lisezmoi.txt": b"bonjour", "fluxIAE_Structure_1.csv.gz": protected, "fluxIAE_AnnexeFinanciere_1.csv.gz": ANNEX}
        with pytest.raises(DeliveryRefused) as refusal:
            open_delivery(put(depot=zipped_as(HARMLESS | wanted)))
        assert refusal.value.message == (
            "Aucun fichier de la vue « Structure » dans la livraison. Reçu, sans vue utile : "
            "depot › fluxIAE_Structure_1.csv.gz : l'archive est protégée par un mot de passe ; déchiffrez-la avant de la "
            "déposer. ; depot › lisezmoi.txt"
        )

    def test_says_which_other_views_came_where_nothing_else_did(self, put):
        with pytest.raises(DeliveryRefused, match="Reçu, sans vue utile : fluxIAE_RefA_1"):
            open_delivery(put(**HARMLESS))

    def test_is_refused_when_a_file_is_gone(self, tmp_path):
        with pytest.raises(DeliveryRefused, match="le fichier est introuvable"):
            open_delivery([tmp_path / "absent.csv"])

    @pytest.mark.parametrize("cut", [1, 8, 9, 40])
    def test_is_refused_when_a_gzip_ends_too_soon(self, put, cut):
        """A transfer that stopped: what was read before the end must not pass for the whole."""
        many = text(View.ANNEX, *(record(View.ANNEX, amendment=str(number % 10)) for number in range(50)))
        paths = put(one=STRUCTURE, two=gzip.compress(many)[:-cut])
        with pytest.raises(DeliveryRefused, match="incomplète ou abîmée"):
            counts(open_delivery(paths))

    def test_is_refused_when_its_check_sum_is_wrong(self, put):
        archive = bytearray(zipped(a=STRUCTURE, b=ANNEX))
        archive[archive.index(b"PK\x01\x02") + 16] ^= 0xFF
        archive[14] ^= 0xFF
        with pytest.raises(DeliveryRefused, match="incomplète ou abîmée"):
            counts(open_delivery(put(one=bytes(archive))))


class TestBomb:
    """S-09: an archive that unpacks beyond measure is refused, and costs no more than the limit."""

    LIMITS = Limits(unpacked_bytes=1_000_000, ratio=50, ratio_from_bytes=100_000)
    ZEROS = b"0" * 300_000

    def test_of_gzip_is_refused_while_it_is_read(self, put):
        delivery = open_delivery(put(one=STRUCTURE, two=gzip.compress(ANNEX + self.ZEROS)), self.LIMITS)
        with delivery.open(View.ANNEX) as stream, pytest.raises(DeliveryRefused, match="dépasse la taille permise"):
            while stream.read(10_000):
                pass

    @pytest.mark.parametrize("wrap", [lambda bomb: zipped(a=bomb), lambda bomb: zipped(a=zipped(b=bomb))])
    def test_of_zip_is_refused_on_what_it_announces(self, put, wrap):
        with pytest.raises(DeliveryRefused, match="plus que la taille permise"):
            open_delivery(put(one=STRUCTURE, two=wrap(ANNEX + self.ZEROS)), self.LIMITS)

    def test_is_refused_by_its_size_whatever_the_ratio(self, put):
        paths = put(one=STRUCTURE, two=ANNEX)
        with pytest.raises(DeliveryRefused, match=r"la taille permise \(2000 octets\)"):
            open_delivery(paths, Limits(unpacked_bytes=2_000))
