"""The recipe of the bundled models: `python -m training --help`."""
