"""A measure, and measures taken in turns: on a machine with other work the noise meets them all alike, and shows."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

SLICE_SECONDS, WARM_SECONDS = 1.0, 0.5


@dataclass
class Measure:
    """Work that is measured in slices. `run()` does one and answers `count`, `seconds` and, where known, `taken`: milliseconds.

    `pids` are the processes whose time it costs, by role. Ratios are to the measure that `is_baseline`.
    """

    label: str
    run: Callable[[], dict]
    pids: dict[str, int]
    is_baseline: bool = False
    slices: list[dict] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)

    def take(self, span):
        """One slice, and what it cost."""
        with span(**self.pids) as costs:
            self.slices.append(self.run())
        for role, milliseconds in costs.milliseconds.items():
            self.spent[role] = self.spent.get(role, 0.0) + milliseconds

    @property
    def count(self):
        return sum(one["count"] for one in self.slices)

    @property
    def rate(self):
        return self.count / sum(one["seconds"] for one in self.slices)

    @property
    def rates(self):
        """The slowest and the fastest slice: their distance is the noise."""
        rates = [one["count"] / one["seconds"] for one in self.slices]
        return min(rates), max(rates)

    @property
    def cost(self):
        """Processor milliseconds for one piece of work, by role."""
        return {role: milliseconds / self.count for role, milliseconds in self.spent.items()}

    def percentile(self, hundredth):
        """Of all slices together; None where nothing took its time by itself."""
        taken = [milliseconds for one in self.slices for milliseconds in one.get("taken", ())]
        return statistics.quantiles(taken, n=100)[hundredth - 1] if len(taken) > 1 else None


def generated(label, generator, pids, *, is_baseline=False, **job):
    """What a load generator does, warmed up."""
    generator.run(seconds=WARM_SECONDS, **job)
    return Measure(label, partial(generator.run, seconds=SLICE_SECONDS, **job), pids, is_baseline)


def take_turns(measures, span, rounds):
    """Slice after slice of each, so many times."""
    for _ in range(rounds):
        for measure in measures:
            measure.take(span)
    return measures


def ratios(measures):
    """Each measure with its rate in terms of the baseline's; None for the baseline itself."""
    baseline = next(measure for measure in measures if measure.is_baseline)
    return [(measure, None if measure is baseline else measure.rate / baseline.rate) for measure in measures]
