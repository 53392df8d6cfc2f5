"""`make stop` and `make reset`: end what `make run` started from this clone, and nothing else."""

import shutil
import sys

from operations.local import postgresql, processes
from operations.local.places import RUN
from operations.local.run import stop_in_order


def stop(directory=RUN):
    """Stop the run, and whatever a killed one left; return the names of what was stopped."""
    ledger = processes.Ledger(directory / "processes.json")
    names = [record.name for record in ledger.living()]
    if names:
        stop_in_order(ledger)
    return names


def reset(directory=RUN):
    """Stop, then delete every local datum; the directories of test runs are theirs to delete."""
    stop(directory)
    postgresql.forget(directory)
    for path in directory.iterdir() if directory.exists() else []:
        if path.is_dir() and path.name != "test":
            shutil.rmtree(path)
        elif path.is_file() or path.is_socket():
            path.unlink()


def main():
    if "--reset" in sys.argv:
        reset()
        print("Tout est arrêté et oublié.")
    else:
        print(f"Arrêté : {', '.join(stop()) or 'rien ne tournait'}.")


if __name__ == "__main__":
    main()
