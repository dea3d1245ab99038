"""Fixtures that every room's tests may use."""

from __future__ import annotations

import pytest

from tests.brokers import certificates, guarded_mosquitto, mosquitto, narrow_mosquitto

__all__ = ["anyio_backend", "certificates", "guarded_mosquitto", "mosquitto", "narrow_mosquitto"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Ours is an asyncio program; it is tested on no other event loop."""
    return "asyncio"
