"""No long function, no long file: the ugliness is always in the tail.

A function is counted from its `def` to its last line. Medians are the product's; tests only have a longest file and function.
"""

import statistics

from tests.architecture.tree import FUNCTIONS, PRODUCT

LONGEST_FUNCTION, MEDIAN_FUNCTION, NINTH_DECILE_FUNCTION = 50, 8, 25
LONGEST_FILE, LONGEST_TEST_FILE, MEDIAN_FILE = 300, 500, 80


def functions(sources):
    """(length, place, name) of every function, nested ones too."""
    for source in sources:
        for node in source.nodes:
            if isinstance(node, FUNCTIONS):
                yield node.end_lineno - node.lineno + 1, source.at(node), node.name


def faults(tree):
    """Functions and files over their budget, then medians over theirs."""
    found = []
    for length, place, name in functions(tree.python()):
        if length > LONGEST_FUNCTION:
            found.append(f"{place} {name}: {length} lines, at most {LONGEST_FUNCTION}")
    for source in tree.python():
        most = LONGEST_TEST_FILE if source.name.startswith("tests/") else LONGEST_FILE
        if len(source.lines) > most:
            found.append(f"{source.name}: {len(source.lines)} lines, at most {most}")
    return found + middles(tree)


def middles(tree):
    """The product's medians and ninth decile, where they are over budget."""
    product = tree.python(*PRODUCT)
    lengths = [length for length, _, _ in functions(product)]
    files = [len(source.lines) for source in product if source.lines]
    if len(lengths) < 2 or not files:
        return []
    measures = [
        ("median function", statistics.median(lengths), MEDIAN_FUNCTION),
        ("ninth decile of functions", statistics.quantiles(lengths, n=10)[-1], NINTH_DECILE_FUNCTION),
        ("median file", statistics.median(files), MEDIAN_FILE),
    ]
    return [f"{name}: {value:g} lines, at most {most}" for name, value, most in measures if value > most]


def function(name, length):
    return "\n".join([f"def {name}():", *["    pass"] * (length - 1)]) + "\n"


def test_the_tree_keeps_its_budgets(tree):
    assert faults(tree) == []


def test_a_long_function_is_found(planted):
    found = faults(planted({"chassis/db.py": function("wait", 51)}))
    assert found == ["chassis/db.py:1 wait: 51 lines, at most 50"]


def test_a_long_file_is_found(planted):
    tree = planted({"chassis/db.py": "x = 1\n" * 301, "tests/test_db.py": "x = 1\n" * 500, "tests/test_bus.py": "x = 1\n" * 501})
    assert faults(tree)[:2] == ["chassis/db.py: 301 lines, at most 300", "tests/test_bus.py: 501 lines, at most 500"]


def test_a_thick_middle_is_found(planted):
    tree = planted({"chassis/db.py": "".join(function(f"step_{number}", 30) for number in range(3))})
    assert [line.partition(":")[0] for line in faults(tree)] == ["median function", "ninth decile of functions", "median file"]
