"""The command line: one file per command, each with `add_parser(commands)` and `run(args)`."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import minifcn
from minifcn.cli import bench, evaluate, exercises, explain, gradcheck, predict, summary, train
from minifcn.errors import UserError

COMMANDS = (train, evaluate, predict, summary, explain, gradcheck, bench, exercises)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument as every other mistake of the user's is reported: in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} -h shows what there is")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = _Parser(prog="minifcn", description="Fully convolutional networks for segmentation, in NumPy.")
    parser.add_argument("--version", action="version", version=f"minifcn {minifcn.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process unless given.

    Returns
    -------
    int
        Exit status: 0; 1 if a gradient check fails or an exercise is not done; 2 for what the user can put right, after
        one line on stderr; 130 after Ctrl-C; 141 if nobody reads the output any more.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of what the data room reports in one line
    try:
        args = build_parser().parse_args(argv)
        status = args.run(args)
        sys.stdout.flush()
        return status or 0
    except UserError as error:
        return _fail(str(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory ({error}); choose a smaller --batch-size, --size or --width", 2)
    except KeyboardInterrupt as interrupt:
        return _fail(str(interrupt) or "interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more as it exits
        return 141
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)


def _fail(message: str, status: int) -> int:
    print("minifcn:", " ".join(message.split()), file=sys.stderr)
    return status
