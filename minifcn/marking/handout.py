"""The folder of exercises as students get it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from minifcn.errors import UserError

KEPT_BACK = ("solutions", "score.json", ".git", "__pycache__", ".*_cache", ".ipynb_checkpoints")


def hand_out(folder: Path, target: Path) -> None:
    """Copy the exercises without their solutions; the new folder is whole or not there.

    Raises
    ------
    UserError
        If there is something of that name, or no folder to make it in.
    """
    target = target.resolve()
    if target.exists():
        raise UserError(f"--hand-out: {target} is there already; remove it or choose another name")
    if not target.parent.is_dir():
        raise UserError(f"--hand-out: there is no folder {target.parent}; make it first")
    if folder.resolve() in target.parents:
        raise UserError(f"--hand-out: {target} lies in the folder that is copied; choose a place outside {folder}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        copy = Path(temporary) / target.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(*KEPT_BACK))
        for page in copy.glob("*.md"):  # links that lead out of the folder lead nowhere in the copy
            page.write_text(re.sub(r"\[([^]]*)\]\(\.\.[^)]*\)", r"\1", page.read_text("utf-8")), "utf-8")
        os.rename(copy, target)
