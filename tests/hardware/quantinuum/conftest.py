from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home folder with Nexus's login in it."""
    pytest.importorskip("pytket_pecos", reason="pytket-pecos is not installed: the extra quantinuum")
    from nexus_service import REFRESH

    made = tmp_path_factory.mktemp("home")
    auth = made / ".qnx" / "auth"
    auth.mkdir(parents=True)
    data = {"data": {"refresh_token": REFRESH, "delete_version_after": None}}
    (auth / "token.json").write_text(json.dumps(data))
    return made


@pytest.fixture
def service(home, monkeypatch):
    """Nexus on this machine, to which its client is pointed."""
    pytest.importorskip("qnexus", reason="Quantinuum's client of Nexus is not installed: pip install qnexus")
    from nexus_service import REFRESH, Nexus

    made = Nexus(REFRESH)
    point_to(made.port, home, monkeypatch)
    yield made
    made.close()


def point_to(port, home, monkeypatch):
    """Make Nexus's client, which reads the environment when it is imported, ask a port of this machine."""
    from qnexus.client import get_nexus_client
    from qnexus.config import CONFIG

    monkeypatch.setenv("HOME", str(home))
    for name, value in (("protocol", "http"), ("domain", "127.0.0.1"), ("port", port)):
        monkeypatch.setattr(CONFIG, name, value)
    get_nexus_client(reload=True)
