"""The command line: of each command, a file here that runs it, and one in `parsers` that knows its arguments."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from typing import Any, NoReturn

import minifcn
from minifcn.cli import failures, output, signals
from minifcn.errors import UserError
from minifcn.text import did_you_mean

COMMANDS = {
    "train": "train a network",
    "recipes": "list the settings that published networks were trained with",
    "evaluate": "measure a trained network on a data set",
    "predict": "segment photographs",
    "check-data": "look through a data set: what is there, and all that is wrong",
    "convert": "turn weights of other programs into files of minifcn's, and back",
    "summary": "show the layers of a network",
    "explain": "show a convolution step by step",
    "gradcheck": "check every gradient against finite differences",
    "bench": "time networks and layers, beside other libraries",
    "exercises": "mark the exercises: a table of points, and a hint for what is not right yet",
}


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument as every other mistake of the user's is reported: in one line, with what was meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Look for misspelt options first: else argparse would miss those that are required, and not say why."""
        for word in self._own_words(sys.argv[1:] if args is None else args):
            option = word.partition("=")[0]
            known = [name for name in self._option_string_actions if name.startswith("--")]
            long = option.startswith("--") and not any(name.startswith(option) for name in known)
            letter = re.match("-[A-Za-z]", option) and option[:2] not in self._option_string_actions
            if (long or letter) and " " not in option:
                self.error(f"there is no option {option}{did_you_mean(option, known)}")
        return super().parse_known_args(args, namespace)

    def _own_words(self, words: Sequence[str]) -> Iterable[str]:
        return takewhile(lambda word: word.startswith("-") and word != "--", words)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [*(action.choices or ())]
        if choices and value not in choices:
            near = did_you_mean(value, map(str, choices)) or f"; choose {', '.join(map(str, choices))}"
            raise argparse.ArgumentError(action, f"there is no {value!r}{near}")

    def print_help(self, file: Any = None) -> None:
        """Print the help once, where several processes were started together: the first one does."""
        from minifcn.backend.launchers import launched

        if not launched()[0]:
            super().print_help(file)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}{' ' if message.endswith('?') else '; '}{self.prog} -h shows what there is")


class _CommandParser(_Parser):
    """The parser of one command, which learns its arguments when they are parsed: nobody waits for those of others."""

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what follows the name of the command."""
        if self.command:
            _module("parsers.", self.command).add_arguments(self)
            self.command = ""
        known, others = super().parse_known_args(args, namespace)
        if others:  # refused here, where the parser knows whose help shows what there is
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return known, others

    def _own_words(self, words: Sequence[str]) -> Iterable[str]:
        return takewhile(lambda word: word != "--", words)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = _Parser(prog="minifcn", description="Fully convolutional networks for segmentation, in NumPy.")
    parser.add_argument("--version", action="version", version=f"minifcn {minifcn.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command", parser_class=_CommandParser)
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose).command = name
    return parser


def _module(room: str, command: str) -> Any:
    return importlib.import_module(f"minifcn.cli.{room}{command.replace('-', '_')}")


def _parse(argv: Sequence[str] | None, joined: bool = False) -> argparse.Namespace:
    try:
        return build_parser().parse_args(argv)
    except SystemExit:  # after -h or --version
        output.finish()
        raise
    except UserError:
        from minifcn.backend.launchers import launched

        if launched()[0] and not joined:  # all processes have the same arguments; the first one says what is wrong
            sys.exit(2)
        raise


def _shared(words: Sequence[str]) -> AbstractContextManager[Any]:
    """Give what joins the processes of a job for a command that they share; nothing, where one process works alone.

    They meet before anything else: one that ended alone, for arguments of its own, would leave the others waiting.
    """
    if words[:1] not in (["train"], ["evaluate"]) and not ("bench" in words[:1] and "ranks" in words):
        return nullcontext()
    from minifcn.backend.joining import stand_aside
    from minifcn.backend.launchers import launched

    asked = bool({"--mpi", "--mp"} & {*words})
    if launched()[1] == 1 and not asked:
        return nullcontext()
    if {"-h", "--help"} & {*words}:
        stand_aside("was asked for help (-h)")
        return nullcontext()
    from minifcn.cli import jobs

    return jobs.joined(asked)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process unless given.

    Returns
    -------
    int
        Exit status: 0; 1 if a gradient check fails, an exercise is not done, a picture could not be drawn or one of
        several photographs not be segmented; 2 for what the user can put right, after one line on stderr; 130, 143 or
        129 after Ctrl-C, SIGTERM or SIGHUP; 141 if nobody reads the output any more.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of what the data room reports in one line
    job = _shared(sys.argv[1:] if argv is None else argv)
    with output.any_terminal(), output.without_windows(), signals.handled(signals.stop):
        try:
            with job as ranks:
                args = _parse(argv, joined=ranks is not None)
                args.ranks = ranks
                status = _module("", args.command).run(args)
            output.finish()
            return status or 0
        except BrokenPipeError:
            output.abandon()
            return 141
        except failures.EXPECTED as error:
            return output.fail(*failures.told(error))
