"""The language of flow logs: bytes in, sightings out. START HERE: :mod:`inventory.flowlog.fold`."""
