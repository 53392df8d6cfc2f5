"""docker-compose.yml without a Docker engine: its schema, and what must be true of every container."""

import copy
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from contracts.vocabulary import SERVICES
from tests.architecture.tree import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OURS = {*SERVICES, "gateway", "mailbox", "migrate", "operator"}
END_BY_THEMSELVES = {"migrate", "operator"}
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|SIGNING_KEY|TOKEN_KEY|COOKIE_KEY|_URL$|CREDENTIAL")
PUBLIC_URLS = {"PUBLIC_URL", "MAILBOX_URL", "OPERATOR_HEALTH_URL"}
VERSION = re.compile(r":v?\d+\.\d+(?:\.\d+)?(?:-[\w.]+)?$")


@pytest.fixture
def compose():
    """The file with its anchors resolved, to change at will."""
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def faults(compose):
    """What no container may be, have or lack."""
    found = [f"{name} is not in the file" for name in sorted(OURS | {"rabbitmq", "postgres"}) if name not in compose["services"]]
    for name, container in compose["services"].items():
        found += [f"{name} {reason}" for reason in container_faults(name, container, compose)]
    return found


def container_faults(name, container, compose):
    yield from running_faults(name, container)
    yield from secret_faults(name, container, compose.get("secrets", {}))
    yield from [f"uses an undeclared network {one}" for one in container.get("networks", []) if one not in compose["networks"]]
    for mount in container.get("volumes", []):
        if mount.partition(":")[0] not in compose["volumes"]:
            yield f"mounts {mount}, which is no declared volume"
    for port in container.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"publishes {port} beyond the loopback address"
    for needed, how in container.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed in END_BY_THEMSELVES else "service_healthy"
        if needed not in compose["services"] or how.get("condition") != wanted:
            yield f"does not wait until {needed} is {wanted}"


def running_faults(name, container):
    image = container.get("image", "")
    if not VERSION.search(image) or image.endswith(":latest"):
        yield f"runs {image or 'no image'}, which is no version"
    if "restart" not in container:
        yield "is not restarted when it dies"
    if name not in OURS and container.get("user") in (None, "root", "0", 0):
        yield "runs as root"
    if name in OURS and not hardened(container):
        yield "may write or gain privileges"
    if name not in END_BY_THEMSELVES and "test" not in container.get("healthcheck", {}):
        yield "has no health check"
    if not container.get("networks"):
        yield "is on the default network"


def hardened(container):
    """Whether one of our processes may change nothing but its volumes, and become nobody else; the image says as whom it runs."""
    return container.get("read_only") is True and container.get("cap_drop") == ["ALL"] and "privileged" not in container


def secret_faults(name, container, declared):
    given = {one if isinstance(one, str) else one["source"] for one in container.get("secrets", [])}
    yield from [f"is given an undeclared secret {one}" for one in sorted(given - declared.keys())]
    for setting, value in (container.get("environment") or {}).items():
        if setting.endswith("_FILE"):
            if str(value).removeprefix("/run/secrets/") not in given:
                yield f"reads {value}, which it is not given"
        elif SECRET_NAMES.search(setting) and setting not in PUBLIC_URLS:
            yield f"holds a secret in {setting}"
        elif re.search(r"://[^/\s@]+:[^/\s@]+@", str(value)):
            yield f"holds a password in {setting}"


def unread_secrets(compose):
    """Declared secrets that no container is given."""
    given = {
        one if isinstance(one, str) else one["source"]
        for container in compose["services"].values()
        for one in container.get("secrets", [])
    }
    return sorted(compose["secrets"].keys() - given)


def test_the_file_keeps_the_schema_of_compose():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_broken_schema_is_found(tmp_path):
    broken = tmp_path / "docker-compose.yml"
    broken.write_text("services:\n  gateway:\n    image: 12\n    imagination: none\n")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(broken)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker client here")
def test_docker_reads_the_file_where_its_client_can(tmp_path):
    has_plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    if not has_plugin:
        pytest.skip("the docker client here has no compose")
    command = ["docker", "compose", "--project-directory", str(ROOT), "--file", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_container_keeps_the_rules(compose):
    assert faults(compose) == []


def test_every_secret_is_somebodys(compose):
    assert unread_secrets(compose) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_of_the_tree_runs(compose, service):
    container = compose["services"][service]
    assert container["command"] == ["chassis.run", service]
    assert (ROOT / "services" / service / "service.py").exists()
    assert {"data", "bus"} <= set(container["networks"])
    assert container["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert f"{service}=http://{service}:8080" in compose["services"]["gateway"]["environment"]["GATEWAY_SERVICES_HEALTH"].split(
        ","
    )
    assert service in compose["services"]["migrate"]["command"]


def test_no_other_service_stands_in_the_tree():
    assert {path.parent.name for path in (ROOT / "services").glob("*/service.py")} == set(SERVICES)


def test_a_container_knows_nobody_elses_secrets(compose):
    for name in (*SERVICES, "gateway", "operator"):
        given = [one for one in compose["services"][name]["secrets"] if one not in ("subject_public_keys", "smtp_url")]
        assert [one for one in given if not one.startswith(f"{name}_")] == []


def test_the_gateway_reaches_no_database(compose):
    assert "data" not in compose["services"]["gateway"]["networks"]
    assert compose["networks"]["data"]["internal"] is True


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("rabbitmq", {"image": "rabbitmq:latest"}, "rabbitmq runs rabbitmq:latest, which is no version"),
        ("postgres", {"image": "postgres"}, "postgres runs postgres, which is no version"),
        ("postgres", {"user": "root"}, "postgres runs as root"),
        ("sync", {"cap_drop": []}, "sync may write or gain privileges"),
        ("sync", {"read_only": False}, "sync may write or gain privileges"),
        ("sync", {"healthcheck": {}}, "sync has no health check"),
        ("sync", {"networks": ["everywhere"]}, "sync uses an undeclared network everywhere"),
        ("sync", {"volumes": ["/etc:/etc"]}, "sync mounts /etc:/etc, which is no declared volume"),
        ("sync", {"secrets": []}, "sync reads /run/secrets/sync_amqp_url, which it is not given"),
        ("sync", {"environment": {"SYNC_AMQP_URL": "x"}}, "sync holds a secret in SYNC_AMQP_URL"),
        ("sync", {"environment": {"SYNC_BUS": "amqp://a:b@c/d"}}, "sync holds a password in SYNC_BUS"),
        ("sync", {"depends_on": {"rabbitmq": {}}}, "sync does not wait until rabbitmq is service_healthy"),
        ("gateway", {"ports": ["8000:8000"]}, "gateway publishes 8000:8000 beyond the loopback address"),
    ],
)
def test_a_planted_fault_is_found(compose, name, change, reason):
    planted = copy.deepcopy(compose)
    planted["services"][name] |= change
    assert reason in faults(planted)


def test_a_missing_service_is_found(compose):
    del compose["services"]["invitations"]
    assert "invitations is not in the file" in faults(compose)


def test_a_container_without_a_restart_is_found(compose):
    del compose["services"]["sync"]["restart"]
    assert faults(compose) == ["sync is not restarted when it dies"]


def test_a_secret_that_nobody_reads_is_found(compose):
    compose["secrets"]["spare"] = {"file": "spare"}
    assert unread_secrets(compose) == ["spare"]
