"""Simulate experiments on the use cases, and say how often their verdicts are wrong.

Each is looked at every day for 30 days; what counts is its first terminal verdict, as a team would
act on it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from chalicelib.domain.statistics.intervals import wilson
from tests.simulation.worlds import WORLDS, Outcome, World, run

SHIP, KEEP = "ship", "keep control"


def main() -> None:
    """Print a line for each world."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="experiments of each kind (400)")
    parser.add_argument("--seed", type=int, default=1, help="of the first one (1)")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error("--runs: at least 1")
    print(f"{asked.runs} experiments of each kind, looked at daily for 30 days")
    for place, world in enumerate(WORLDS):
        print(f"{world.name} ...", file=sys.stderr, flush=True)
        print(line(world, simulate(place, asked.runs, asked.seed)), flush=True)


def simulate(place: int, runs: int, seed: int) -> list[Outcome]:
    """The outcomes of some runs of a world, each with a seed of its own."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(_run, place), range(seed, seed + runs), chunksize=5))


def _run(place: int, seed: int) -> Outcome:
    # A process of its own knows the worlds, but cannot be sent one.
    return run(WORLDS[place], seed)


def line(world: World, outcomes: Sequence[Outcome]) -> str:
    """What came of a world: shares of verdicts with the upper limit of 95 %, and the median day."""
    codes = Counter(outcome.code for outcome in outcomes)
    days = [outcome.day for outcome in outcomes if outcome.code in (SHIP, KEEP)]
    median = f", median day {statistics.median(days):.0f}" if days else ""
    counts = {SHIP: codes[SHIP], KEEP: codes[KEEP], "either": codes[SHIP] + codes[KEEP]}
    shares = ", ".join(f"{name} {_share(n, len(outcomes))}" for name, n in counts.items())
    return f"{world.name}: {shares}{median}"


def _share(count: int, runs: int) -> str:
    limit = wilson(count, runs)
    assert limit is not None, "there is a run"
    return f"{count / runs:.1%} (at most {limit.high:.1%})"


if __name__ == "__main__":
    main()
