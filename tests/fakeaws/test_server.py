"""The server: it works from other processes and many threads, ends at once, and owns up to its errors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.fakeaws.calls import HANDLERS, Call, Handler, Result
from tests.fakeaws.faults import silence
from tests.fakeaws.refusals import RefusalError
from tests.fakeaws.serving import Served, serving
from tests.world.plan import ACCOUNT, REGION

ONCE = Config(retries={"total_max_attempts": 1})


def test_another_process_speaks_to_it(fake_aws: Served) -> None:
    fake_aws.cloud.place(ACCOUNT, REGION).put("ec2.describe-vpcs", [{"VpcId": "vpc-1"}])
    program = "import boto3, json; print(json.dumps(boto3.client('ec2').describe_vpcs()['Vpcs']))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=dict(fake_aws.env), capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [{"VpcId": "vpc-1"}]


def test_many_threads_at_once(fake_aws: Served) -> None:
    client = boto3.client("ecs", config=Config(max_pool_connections=16))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.list_clusters()["clusterArns"], range(200)))
    assert answers == [[]] * 200
    assert fake_aws.cloud.counts() == {"ecs.list-clusters": 200}


@pytest.fixture
def own(fake_aws: Served) -> Iterator[str]:
    """The URL of a second fake that has something to own up to at its end."""
    with pytest.raises(ExceptionGroup, match="the fake failed"), serving() as served:
        yield served.url


def test_what_it_cannot_answer_fails_the_test(own: str) -> None:
    client = boto3.client("eks", endpoint_url=own, config=ONCE)
    with pytest.raises(ClientError, match=r"nobody answers eks\.list-nodegroups"):
        client.list_nodegroups(clusterName="x")


def test_what_aws_would_never_say_fails_the_test(fake_aws: Served) -> None:
    cloud = fake_aws.cloud
    cloud.place(ACCOUNT, REGION).put("ec2.describe-vpcs", [{"VpcId": "vpc-1", "Moon": 1}])
    with pytest.raises(ClientError, match="botocore knows no Moon"):
        boto3.client("ec2", config=ONCE).describe_vpcs()
    assert [str(error) for error in cloud.mishaps] == ["item: botocore knows no Moon"]
    cloud.mishaps.clear()


def test_it_ends_at_once_whatever_it_is_doing(fake_aws: Served) -> None:
    with ThreadPoolExecutor(1) as pool:
        with serving() as served:
            served.cloud.faults.always("*", silence(60))
            client = boto3.client("ecs", endpoint_url=served.url, config=ONCE)
            asked = pool.submit(client.list_clusters)
            while not served.cloud.log:
                time.sleep(0.005)
            began = time.monotonic()
        assert isinstance(asked.exception(timeout=30), BotoCoreError)
        assert time.monotonic() - began < 30


def test_a_service_is_its_handlers(fake_aws: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3, of which nothing is built in: its protocol is spoken all the same."""

    def listed(call: Call) -> Result:
        row = {"Key": "a/b", "Size": 3, "ETag": '"x"', "LastModified": 1_790_000_000}
        return {"Name": call.get("Bucket"), "Contents": [row], "IsTruncated": False}

    def got(call: Call) -> Result:
        if call.get("Key") != "a/b c":
            raise RefusalError("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": b"abc", "ETag": '"x"', "Metadata": {"a": "b"}}

    handlers = {
        "s3.list-objects-v2": listed,
        "s3.get-object": got,
        "s3.head-object": lambda _: {"ContentLength": 3},
        "s3.put-object": lambda call: {"ETag": f'"{len(call.get("Body"))}"'},
        "s3.get-bucket-location": lambda _: {"LocationConstraint": REGION},
    }
    for call, answer in handlers.items():
        monkeypatch.setitem(HANDLERS, call, Handler(answer))
    s3 = boto3.client("s3", config=ONCE)
    (row,) = s3.list_objects_v2(Bucket="logs", Prefix="a/")["Contents"]
    assert row["LastModified"].timestamp() == 1_790_000_000
    held = s3.get_object(Bucket="logs", Key="a/b c")
    assert (held["Body"].read(), held["Metadata"]) == (b"abc", {"a": "b"})
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="logs", Key="none")
    assert s3.head_object(Bucket="logs", Key="x")["ContentLength"] == 3
    assert s3.put_object(Bucket="logs", Key="x", Body=b"four")["ETag"] == '"4"'
    assert s3.get_bucket_location(Bucket="logs")["LocationConstraint"] == REGION
    assert fake_aws.cloud.log[0].parameters["Prefix"] == "a/"
