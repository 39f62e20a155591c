"""Runs a check on cases that hypothesis draws from a seed, and makes the first failing one small."""

import warnings

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings


def run_cases(cases, check, count, seed, shrink=True):
    """Call check(case) for `count` cases, and return how many there were: fewer where no more exist."""
    done = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink)[: 1 + shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def every(case):
        nonlocal done
        done += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # infinities and NaN are among the values
            check(case)

    every()
    return done
