"""EFS mount inventory: who mounts which Amazon EFS file system, from VPC flow logs. Start reading at ``inventory.pipeline``."""

__version__ = "0.1.0"
