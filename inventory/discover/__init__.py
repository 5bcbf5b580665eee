"""Sweeps of what owns what: recorded ones from files, live ones from AWS; both read by the same reducers."""
