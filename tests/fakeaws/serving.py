"""A running fake and the environment in which boto3 speaks to nothing else."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session

from tests.fakeaws.cloud import Cloud, Key
from tests.fakeaws.server import FakeAws
from tests.world.plan import ACCOUNT, REGION


@dataclass(frozen=True)
class Served:
    """A cloud that is being served."""

    cloud: Cloud
    url: str
    key: Key
    """What the environment's credentials are."""
    env: Mapping[str, str]
    """Every AWS variable: for a subprocess, ``{**others, **env}``."""


@contextmanager
def serving(account: str = ACCOUNT, region: str = REGION) -> Iterator[Served]:
    """Serves a new cloud to a key of an account. The environment is the caller's to set."""
    cloud = Cloud()
    key = cloud.key(account)
    with FakeAws(cloud) as url:
        yield Served(cloud, url, key, environment(url, key, region))


def environment(url: str, key: Key, region: str) -> dict[str, str]:
    """The variables that send boto3 to the fake, and keep it from this machine's own configuration."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@functools.cache
def _loader() -> Any:  # noqa: ANN401 - botocore's Loader
    """Reads each model once: EC2's alone is 30 MB. Not the fake's own: botocore changes S3's models as it goes."""
    return botocore.session.Session().get_component("data_loader")


def fresh_session() -> boto3.Session:
    """A session without credentials of an earlier test."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=session)


def ours(name: str) -> bool:
    """Whether an environment variable is one of AWS's or a proxy's, none of which may stay."""
    return name.startswith("AWS_") or name.lower().endswith("_proxy")
