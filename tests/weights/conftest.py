import pytest

from minifcn.weights import read


@pytest.fixture
def source_of(tmp_path):
    """Read bytes as a file, whose name has an ending that says nothing."""

    def read_bytes(content):
        path = tmp_path / "weights.bin"
        path.write_bytes(content)
        return read(path)

    return read_bytes
