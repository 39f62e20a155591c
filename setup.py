"""What setup.cfg cannot say: a wheel brings the exercises along, as students get them."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithExercises(build_py):
    """Copies the exercises without their solutions to where `minifcn.marking.folder.shipped` looks for them."""

    def run(self):
        super().run()
        if not self.editable_mode:  # which finds them in the repository
            target = Path(self.build_lib, "minifcn", "marking", "exercises")
            shutil.rmtree(target, ignore_errors=True)
            kept_back = shutil.ignore_patterns("solutions", "score.json", "__pycache__", ".*")
            shutil.copytree("exercises", target, ignore=kept_back)


setup(cmdclass={"build_py": BuildWithExercises})
