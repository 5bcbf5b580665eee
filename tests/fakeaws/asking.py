"""One call with real boto3, without retries and without its own checks: what does AWS say?"""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def ask(service: str, method: str, **parameters: Any) -> Any:  # noqa: ANN401 - boto3's answer
    once = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    client: Any = boto3.client(service, config=once)  # type: ignore[call-overload]
    return getattr(client, method)(**parameters)


def code(service: str, method: str, **parameters: Any) -> tuple[int, str]:
    """Status and code of the refusal."""
    with pytest.raises(ClientError) as caught:
        ask(service, method, **parameters)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
