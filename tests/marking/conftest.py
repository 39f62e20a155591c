"""The folder of exercises on which marking is tested."""

import pytest
from tiny_exercises import Folder


@pytest.fixture
def folder(tmp_path):
    """Two exercises, nothing answered."""
    return Folder(tmp_path / "exercises")
