"""minifcn gradcheck"""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "gradcheck",
        help="check every gradient against finite differences",
        description="Check the gradient of every operation, and of whole narrow networks, against central differences "
        "in float64. Exit status 1 if one is wrong.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line for each check, and the whole report of one that fails."""
    from minifcn.gradcheck import check_all

    print(f"{'checked':<44}{'error':>10}")
    wrong = 0
    for name, report in check_all():
        print(f"{name:<44}{report.max_error:>10.1e}  {'ok' if report.ok else 'WRONG'}", flush=True)
        if not report.ok:
            wrong += 1
            print(report)
    return 1 if wrong else 0
