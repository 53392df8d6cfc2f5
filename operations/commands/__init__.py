"""The operator's command line: `./emplois --help`."""
