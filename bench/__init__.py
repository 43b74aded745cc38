"""The figures of the README, measured on the machine that runs this: ``python -m bench``."""
