"""The containers' health check asks the process, and says no when nobody answers."""

from deploy.ready import is_ready
from operations.local.ports import free_port


def test_a_ready_process_is_healthy(httpserver):
    httpserver.expect_request("/readyz").respond_with_data("ok")
    assert is_ready(str(httpserver.port), "/readyz")


def test_a_process_that_is_not_ready_is_not(httpserver):
    httpserver.expect_request("/readyz").respond_with_data("broker", 503)
    assert not is_ready(str(httpserver.port), "/readyz")


def test_nobody_is_not_healthy():
    assert not is_ready(str(free_port()), "/readyz")
