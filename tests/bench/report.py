"""The table that is printed."""

import os
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.measure import ratios

ROLES = ("asks", "serves", "broker", "postgres")
WIDTH = 140


@dataclass
class Row:
    """One line; what was not measured is empty."""

    label: str
    numbers: list = field(default_factory=list)

    def cells(self):
        return [self.label, *("" if number is None else number for number in self.numbers)]


def rows_of(measures):
    """Lines of measures that took turns."""
    return [Row(measure.label, columns(measure, ratio)) for measure, ratio in ratios(measures)]


def columns(measure, ratio):
    slowest, fastest = measure.rates
    numbers = [(measure.percentile(50), ".2f"), (measure.percentile(99), ".2f"), (ratio, ".2f")]
    numbers += [(measure.cost.get(role), ".2f") for role in ROLES] + [(sum(measure.cost.values()), ".2f")]
    told = [None if number is None else format(number, spec) for number, spec in numbers]
    return [f"{measure.rate:.0f}", f"{slowest:.0f}-{fastest:.0f}", *told, None]


def memory_row(label, megabytes):
    return Row(label, [None] * 10 + [f"{megabytes:.0f}"])


def show(rows):
    """Print them: with lines on a terminal, in plain characters elsewhere."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH, color_system=None)
    table = Table(box=box.SIMPLE if console.is_terminal else box.ASCII)
    table.add_column("measure", no_wrap=True)
    for heading in ("/s", "slices", "p50 ms", "p99 ms", "of raw", *ROLES, "sum", "MB"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)
    console.print(f"{', '.join(ROLES)}, sum: milliseconds of processor time for one piece of work")
    console.print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} in the last minute, ours included")
