"""How fast flow logs are read from S3, beside the same files on disk and the bare transfer.

All in one run, in turns, each a process of its own.

The bucket is served over HTTP on this machine by a process of its own that does nothing but list and send, so what is measured is the
reader. "Transfer" is boto3 with as many threads, throwing the bytes away: what reading from a bucket cannot be faster than.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
BUCKET = "bench"
PREFIX = "AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/09/21/"

FOLD = """
import sys, time
from inventory.collect.needs import Needs
from inventory.collect.choosing import opened
from inventory.collect.reading import read_all
from inventory.config import FilesSettings, S3Settings, Settings
from inventory.explore import Nothing
from inventory.model import Known
from inventory.resolve.topology import Topology
kind, where, records = sys.argv[1], sys.argv[2], int(sys.argv[3])
section = (
    S3Settings(name="logs", type="s3", bucket=where, layout="flat")
    if kind == "s3" else FilesSettings(name="logs", type="files", path=where)
)
needs = Needs(Settings(), Nothing(Topology({})), lambda: 1_800_000_000, time.sleep)
source = opened(section, needs)
known = Known(servers=frozenset(f"10.1.{n // 250}.{n % 250 + 4}" for n in range(60)))
batches = read_all(source, source.listing(0, None).refs, known)
found = sum(batch.folded.tally.records for batch in batches if not batch.problem)
assert found == records, found
"""

TRANSFER = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config
client = boto3.client("s3", config=Config(max_pool_connections=32))
pages = client.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1])
keys = [one["Key"] for page in pages for one in page["Contents"]]
def fetch(key):
    return sum(len(piece) for piece in client.get_object(Bucket=sys.argv[1], Key=key)["Body"].iter_chunks(1 << 20))
with ThreadPoolExecutor(4 * (os.cpu_count() or 1)) as pool:
    assert sum(pool.map(fetch, keys))
"""


class Run(NamedTuple):
    """Seconds by the clock, of processor, and MiB of resident memory at the most."""

    wall: float
    cpu: float
    peak: float


class Bucket(BaseHTTPRequestHandler):
    """Lists and sends the files of one folder; one bucket, every key below :data:`PREFIX`."""

    protocol_version = "HTTP/1.1"
    files: dict[str, tuple[Path, int, str]]

    def do_HEAD(self) -> None:
        """HeadBucket."""
        self._head(200, 0, {"x-amz-bucket-region": "us-east-1"})

    def do_GET(self) -> None:
        """GetObject, or ListObjectsV2."""
        asked = urlsplit(self.path)
        key = unquote(asked.path).removeprefix(f"/{BUCKET}").lstrip("/")
        if not key:
            self._list(parse_qs(asked.query).get("prefix", [""])[0])
            return
        path, size, etag = self.files[key]
        self._head(200, size, {"ETag": f'"{etag}"'})
        self.wfile.flush()
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>&quot;{etag}&quot;</ETag></Contents>"
            for key, (_, size, etag) in sorted(self.files.items())
            if key.startswith(prefix)
        )
        body = (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
            f"<KeyCount>{rows.count('<Contents>')}</KeyCount>{rows}</ListBucketResult>"
        ).encode()
        self._head(200, len(body), {"Content-Type": "application/xml"})
        self.wfile.write(body)

    def _head(self, status: int, size: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(size), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
        """Nothing is logged."""


def serve(folder: Path) -> None:
    """Serve the bucket until killed; the port is the first line of output."""
    Bucket.files = {
        PREFIX + path.name: (path, path.stat().st_size, hashlib.md5(path.name.encode()).hexdigest())  # noqa: S324 - a name for a version
        for path in folder.iterdir()
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment that sends boto3 to the bucket."""
    command = [sys.executable, __file__, str(folder), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            yield os.environ | {
                "PYTHONPATH": str(ROOT),
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        finally:
            server.kill()


def timed(command: list[str], environment: dict[str, str]) -> Run:
    """Run it to its end. Raises ``SystemExit`` when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    if process.returncode or os.waitstatus_to_exitcode(status):
        sys.exit(said.decode(errors="replace")[-2000:])
    wall = time.perf_counter() - began
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Path(tempfile.gettempdir()) / "efs-inventory-bench-logs"
    parser.add_argument(
        "logs", type=Path, nargs="?", default=usual, help="a folder that make_logs.py wrote"
    )
    parser.add_argument("--records", type=int, default=4_000_000, help="records in the folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.logs)
        return
    if not given.logs.exists():
        maker = Path(__file__).with_name("make_logs.py")
        subprocess.run([sys.executable, str(maker), str(given.logs)], check=True)
    python = [sys.executable, "-c"]
    engines = {
        "files": [*python, FOLD, "files", str(given.logs), str(given.records)],
        "s3": [*python, FOLD, "s3", BUCKET, str(given.records)],
        "transfer alone": [*python, TRANSFER, BUCKET],
    }
    results: dict[str, list[Run]] = {}
    with served(given.logs) as environment:
        for _ in range(given.rounds):
            for name, command in engines.items():
                results.setdefault(name, []).append(timed(command, environment))
    print("| reading | best s | median s | cpu s | peak MiB |\n|---|---|---|---|---|")
    for name, runs in results.items():
        walls = [run.wall for run in runs]
        print(
            f"| {name} | {min(walls):.2f} | {statistics.median(walls):.2f} |"
            f" {min(run.cpu for run in runs):.2f} | {max(run.peak for run in runs):.0f} |"
        )


if __name__ == "__main__":
    main()
