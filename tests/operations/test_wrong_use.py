"""What is typed wrong is answered by one French sentence, before anybody is asked."""

import pytest

from operations.local import programs


def refused(*words):
    with pytest.raises(programs.CommandFailed) as failed:
        programs.run(["-m", "operations.commands", *words], {})
    said = str(failed.value).splitlines()[1:]
    assert failed.value.status == 2
    assert len(said) == 1, said
    return said[0]


def test_a_health_address_is_an_address():
    assert "« foo » n'est pas une adresse" in refused("health", "--url", "foo")


@pytest.mark.parametrize("limit", ["-4", "0"])
def test_a_limit_is_a_number_from_one(limit):
    assert "à partir de 1" in refused("parked", "list", "--limit", limit)


@pytest.mark.parametrize("text", [b"root:x:0:0", b"\xff", b"{}", b"12", b'["x"]', b'[{"code": 1}]', b"null"])
@pytest.mark.parametrize("option", ["--towns", "--jobs"])
def test_reference_data_are_lists_of_objects(option, text, tmp_path):
    (tmp_path / "file").write_bytes(text)

    assert "une liste JSON est attendue, d'objets avec" in refused("load-reference", option, str(tmp_path / "file"))


def test_reference_data_are_a_file(tmp_path):
    assert "il n'existe pas" in refused("load-reference", "--towns", str(tmp_path / "nothing"))
    assert "c'est un dossier" in refused("load-reference", "--jobs", str(tmp_path))
