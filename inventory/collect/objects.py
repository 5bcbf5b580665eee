"""One object of a bucket, read to a batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

from inventory.collect.buckets import Bucket
from inventory.collect.folding import Digest, concluded, too_large, unread
from inventory.collect.names import named
from inventory.errors import AwsError, AwsFault, MissingExtraError
from inventory.flowlog import content, parquet
from inventory.flowlog.fold import Folder
from inventory.model import Batch, BatchRef, BatchState, Known

_GONE = ("NoSuchKey", "404")
_NOT_THE_OBJECT = (AwsFault.EXPIRED, AwsFault.DISABLED, AwsFault.NO_ENDPOINT)
_CHANGED = ("PreconditionFailed", "412")


def read_object(
    bucket: Bucket, ref: BatchRef, key: str, reading: tuple[str, Known], asleep: str
) -> Batch:
    """An object, read and folded; its bytes are those of the version that was listed, or nothing counts.

    Raises ``AwsError`` for what is wrong with asking and not with the object: credentials that expired, no way to AWS.
    ``reading`` is the format and what is known; ``asleep`` the storage class from which the object must be restored first: then nothing is
    asked.
    """
    if asleep:
        return unread(
            ref,
            f"is archived ({asleep}): it is read once it is restored (aws s3api restore-object)",
        )
    if large := too_large(ref, ref.size):
        return large
    try:
        return bucket.whole(lambda: _read(bucket, ref, key, reading))
    except MissingExtraError as error:
        return unread(ref, error.told)
    except AwsError as error:
        if error.fault in _NOT_THE_OBJECT:
            raise
        return _refused(bucket, ref, error)
    except OSError as error:  # the temporary file
        return unread(ref, f"cannot be kept while it is read: {error.strerror or error}")


def _read(bucket: Bucket, ref: BatchRef, key: str, reading: tuple[str, Known]) -> Batch:
    name = named(PurePosixPath(key).name)
    # only a name tells a record's time: a folder by the time of delivery does not
    folder = Folder(*reading, name.slot)
    size, _, etag = ref.version.partition("-")
    digest = Digest()
    with closing(bucket.content(key, etag, int(size))) as pieces:
        passing = digest.of(pieces)
        first = next(passing, b"")
        every = chain([first], passing)
        is_parquet = first.startswith(content.PARQUET)
        found = (_through_a_file if is_parquet else content.fold_content)(every, folder)
        if found[0] is not BatchState.DONE:
            # whose fault it is shows at the end only: what was damaged on the way is read again
            for _ in passing:
                pass
    return concluded(ref, name, folder, found, digest.told())


def _through_a_file(pieces: Iterable[bytes], folder: Folder) -> tuple[BatchState, str]:
    """Parquet is read from its end."""
    with tempfile.NamedTemporaryFile(prefix="efs-inventory-", suffix=".parquet") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        return parquet.fold_parquet(file.name, folder)


def _refused(bucket: Bucket, ref: BatchRef, error: AwsError) -> Batch:
    if error.code in _GONE:
        # No version of it was read: should it be listed again, it is asked for again.
        return unread(replace(ref, version=""), "was deleted before it was read", BatchState.GONE)
    if error.code in _CHANGED:
        return unread(ref, "changed since it was listed: it is read again at the next run")
    if error.code == "InvalidObjectState":
        return unread(ref, "is archived: it is read once it is restored (aws s3api restore-object)")
    if error.fault is AwsFault.DENIED or error.code.startswith("KMS."):
        return unread(ref, f"{error}: {_allowing(bucket, error)}")
    return unread(ref, error.told)


def _allowing(bucket: Bucket, error: AwsError) -> str:
    """What to allow. Whether it is the object or its key that is denied stands only in AWS's words."""
    response = getattr(error.__cause__, "response", {})
    said = str(response.get("Error", {}).get("Message", ""))
    if "kms:" in said or error.code.startswith("KMS."):
        return "allow kms:Decrypt on the key that encrypts the bucket, in the policy of who reads and in the key's own"
    return (
        f"allow s3:GetObject on arn:aws:s3:::{bucket.name}/*, in the policy of who reads and, in another account, in the bucket's; "
        "encrypted by KMS, kms:Decrypt on its key too"
    )
