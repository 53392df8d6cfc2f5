"""`make stop` and `make reset`: end what `make run` started from this clone, and nothing else."""

import shutil
import sys

from operations.local import hold, postgresql, processes
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
    with hold.hold(directory):  # No other run may start on what is being deleted.
        stop(directory)
        postgresql.forget(directory)
        for path in directory.iterdir():
            if path.is_dir() and path.name != "test":
                shutil.rmtree(path)
            elif (path.is_file() or path.is_socket()) and path.name != hold.NAME:
                path.unlink()


def main():
    if "--reset" in sys.argv:
        try:
            reset()
        except hold.AlreadyRuns:
            sys.exit("Un « make run » vient de démarrer dans ce dossier : rien n'est oublié.")
        print("Tout est arrêté et oublié.")
    else:
        print(f"Arrêté : {', '.join(stop()) or 'rien ne tournait'}.")


if __name__ == "__main__":
    main()
