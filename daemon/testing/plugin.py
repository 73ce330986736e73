"""The pytest plugin `paperd`: a simulated IB Gateway for each test that asks for one."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # the plugin is loaded by every run of pytest in its venv; what it needs, only when it is used
    from contextlib import AbstractContextManager

    from daemon.testing.gateway import IbGateway

    Factory = Callable[..., AbstractContextManager[IbGateway]]

_MARKER = "ib_gateway(**options): what the fixture ib_gateway runs, such as speed=600, symbols=('SPY',), held=True"


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def ib_gateway_options() -> dict[str, Any]:
    """Return what all gateways of a test suite have in common; override it in a conftest.py."""
    return {}


@pytest.fixture(scope="session")
def ib_gateway_factory(ib_gateway_options: dict[str, Any]) -> "Factory":
    """Return `running_gateway` with the suite's options, for gateways that live longer, or several at once."""
    from daemon.testing.gateway import running_gateway  # noqa: PLC0415

    def run(**options: Any) -> "AbstractContextManager[IbGateway]":
        return running_gateway(**{**ib_gateway_options, **options})

    return run


@pytest.fixture
def ib_gateway(request: pytest.FixtureRequest, ib_gateway_factory: "Factory") -> "Iterator[IbGateway]":
    """Run a gateway for one test; `@pytest.mark.ib_gateway(...)` says how."""
    marker = request.node.get_closest_marker("ib_gateway")
    with ib_gateway_factory(**(marker.kwargs if marker is not None else {})) as gateway:
        yield gateway
