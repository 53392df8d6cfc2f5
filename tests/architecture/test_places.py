"""Nothing tells where it was written: no machine's path, no registry, no real person's address, no missing document."""

import re

import pytest

# Where people and build machines keep clones.
PATHS = re.compile(r"(?<![\w.$}])/(?:home|root|Users|work|workspace|builds)/[\w.]")
REGISTRIES = re.compile(
    r"^\s*(?:--?(?:extra-)?index-url|-i|--find-links|--trusted-host)\b|\bPIP_(?:EXTRA_)?INDEX_URL\b|\bUV_INDEX"
)
ADDRESSES = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[^\W\d_]{2,})\b")
URLS = re.compile(r"\bhttps?://(?:[^\s/@\"']*@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
DOCUMENTS = re.compile(r"(?<![\w*…>-])([\w-]+(?:/[\w-]+)*\.md)\b")

FICTITIOUS = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|example\.(?:com|org|net))$", re.IGNORECASE)
LOOPBACK = re.compile(r"^(?:127|0)\.\d+\.\d+\.\d+$")

# Standards, tools and sources that a comment or a document may cite.
TECHNICAL = {
    "bford.info", "datatracker.ietf.org", "docs.docker.com", "docs.pytest.org", "docs.python.org", "docs.sqlalchemy.org",
    "getbootstrap.com", "github.com", "json-schema.org", "nameko.readthedocs.io", "opensource.org", "spec.openapis.org",
    "www.data.gouv.fr", "www.postgresql.org", "www.rabbitmq.com", "www.rfc-editor.org", "www.w3.org",
}  # fmt: skip


def faults(tree):
    """Lines that tell a place."""
    known = {source.name for source in tree.sources} | {source.name.rpartition("/")[2] for source in tree.sources}
    found = []
    for source in tree.sources:
        for number, line in enumerate(source.lines, start=1):
            found += [f"{source.at(number)} {reason}" for reason in told(line, known)]
    return found


def told(line, known_documents):
    """What one line tells."""
    found = ["path of a machine"] if PATHS.search(line) else []
    found += ["package registry"] if REGISTRIES.search(line) else []
    found += [f"address at {domain}" for domain in ADDRESSES.findall(line) if not FICTITIOUS.search(domain)]
    found += [f"site {host}" for host in URLS.findall(line) if not is_citable(host)]
    return found + [f"missing {name}" for name in DOCUMENTS.findall(line) if is_missing(name, known_documents)]


def is_citable(host):
    return host in TECHNICAL or FICTITIOUS.search(host) or LOOPBACK.match(host)


def is_missing(name, known):
    return name not in known and not any(path.endswith(f"/{name}") for path in known)


def test_the_tree_tells_no_place(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("data = '/" + "home/camille/clone'", "path of a machine"),
        ("--index" + "-url https://127.0.0.1/simple", "package registry"),
        ("ENV PIP_INDEX" + "_URL=x", "package registry"),
        ("write to camille@" + "mairie.fr", "address at mairie.fr"),
        ("see https://" + "wiki.internal.corp/page", "site wiki.internal.corp"),
        ("# as told in no-such" + ".md", "missing no-such" + ".md"),
    ],
)
def test_a_planted_place_is_found(planted, line, reason):
    assert faults(planted({"README.md": f"{line}\n"})) == [f"README.md:1 {reason}"]


def test_fictitious_places_pass(planted):
    lines = [
        "camille@jardins.example",
        "http://127.0.0.1:8000/",
        "http://accounts:8080",
        "amqp://sync:pw@127.0.0.1/x",
        "README.md",
    ]
    assert faults(planted({"README.md": "\n".join(lines)})) == []
