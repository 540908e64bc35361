"""The child limits itself before it looks at anything."""

import json
import subprocess
import sys

import pytest

from rostra.pictures.child import MEMORY_BYTES, WEBP_MEMORY_BYTES
from tests.pictures.making import picture


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("kind", "most"), [("PNG", MEMORY_BYTES), ("WEBP", WEBP_MEMORY_BYTES)])
def test_memory_is_limited(kind: str, most: int) -> None:
    code = "from rostra.pictures.child import limit; limit({!r}); bytearray({})"
    assert "MemoryError" in run(code.format(kind, most)).stderr
    assert run(code.format(kind, most // 4)).returncode == 0


def test_it_cannot_write_files_or_leave_a_core() -> None:
    done = run(
        "import resource, tempfile; from rostra.pictures.child import limit; limit('PNG')\n"
        "print([resource.getrlimit(w)[1] for w in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_CPU)])"
    )
    assert json.loads(done.stdout) == [0, 0, 10]


def test_what_pillow_raises_is_a_sentence() -> None:
    request = json.dumps({"do": "post", "kind": "PNG"}).encode() + b"\n" + picture("PNG")[:60]
    done = subprocess.run(
        [sys.executable, "-m", "rostra.pictures.child"], input=request, capture_output=True, timeout=60, check=True
    )
    said = json.loads(done.stdout)
    assert said["refused"] == "bad-request"
    assert "damaged" in said["sentence"]


def test_it_does_not_load_what_it_does_not_need() -> None:
    """numpy alone takes as much address space as a picture."""
    done = run("import sys\nfrom rostra.pictures import child, recode, drawing\nprint(*sys.modules)")
    assert not {"numpy", "nats", "sqlalchemy", "rostra.units"} & set(done.stdout.split())
