"""A bucket, asked through one :class:`~inventory.aws.Caller`: its folders, its objects, their bytes.

Every failure says what would mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from inventory.errors import AwsError, AwsFault, SourceError
from inventory.flowlog.inflate import PIECE

if TYPE_CHECKING:
    from inventory.aws import Answer, Caller

Result = TypeVar("Result")

_ASLEEP = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects must be restored before they can be read."""

_MISSING = ("NoSuchBucket", "404")


class Stored(NamedTuple):
    """An object as a listing shows it."""

    key: str
    size: int
    etag: str
    """Without quotation marks."""
    asleep: str
    """The storage class from which it would have to be restored first; ``""`` when it can be read."""

    @property
    def version(self) -> str:
        """Changes when the content does."""
        return f"{self.size}-{self.etag}"


class Bucket:
    """Answers of one bucket. Methods may be called from several threads."""

    def __init__(self, caller: Caller, name: str, owner: str = "") -> None:
        """``owner`` is the account that must own the bucket: anybody may take the name of one that was deleted."""
        self._caller = caller
        self.name = name
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}

    def region(self) -> str:
        """Where it is; ``""`` when we may not be told. Raises ``SourceError`` when there is no such bucket."""
        try:
            answer = self._caller.ask("s3", "head_bucket", Bucket=self.name, **self._owner)
        except AwsError as error:
            if error.code in _MISSING:
                raise self._missing() from error
            # a listing says better what is not allowed, and botocore finds its way by itself
            if error.fault is AwsFault.DENIED or error.code in ("403", "400", "405"):
                return ""
            raise
        return str(answer.get("BucketRegion") or "")

    def level(self, prefix: str) -> tuple[list[str], list[Stored]]:
        """The folders right below a prefix, as whole prefixes, and the objects beside them."""
        return self._listed(prefix, Delimiter="/")

    def below(self, prefix: str) -> list[Stored]:
        """Every object whose key begins so."""
        return self._listed(prefix)[1]

    def content(self, key: str, etag: str, size: int) -> Generator[bytes]:
        """The bytes of just this version of an object. Raises ``AwsError``, also when other bytes come."""
        return self._caller.content(
            "s3",
            "get_object",
            size,
            PIECE,
            Bucket=self.name,
            Key=key,
            IfMatch=f'"{etag}"',
            **self._owner,
        )

    def whole(self, work: Callable[[], Result]) -> Result:
        """The result of work that reads :meth:`content`, begun again when that is cut."""
        return self._caller.whole(work)

    # -- listing

    def _listed(self, prefix: str, **more: str) -> tuple[list[str], list[Stored]]:
        """All folders and objects of a listing, or an error: what was cut is begun again, and never passed on."""

        def whole() -> tuple[list[str], list[Stored]]:
            folders: list[str] = []
            objects: list[Stored] = []
            for page in self._pages(prefix, more):
                folders += [str(each["Prefix"]) for each in page.get("CommonPrefixes", ())]
                objects += _objects(page)
            return folders, objects

        try:
            return self._caller.whole(whole)
        except AwsError as error:
            raise self._unlistable(error, prefix) from error

    def _pages(self, prefix: str, more: Mapping[str, str]) -> Iterator[Answer]:
        for page in self._caller.pages(
            "s3",
            "list_objects_v2",
            need=("IsTruncated", "KeyCount"),
            Bucket=self.name,
            Prefix=prefix,
            OptionalObjectAttributes=["RestoreStatus"],
            **self._owner,
            **more,
        ):
            yield _checked(page)

    def _unlistable(self, error: AwsError, prefix: str) -> SourceError | AwsError:
        if error.code in _MISSING:
            return self._missing()
        hint = error.hint
        if error.fault is AwsFault.DENIED:
            hint = (
                f"allow s3:ListBucket on arn:aws:s3:::{self.name}, in the policy of who reads and, in another account, in the bucket's"
                + ("; and see whether bucket_owner is right" if self._owner else "")
            )
        message = f"s3://{self.name}/{prefix} cannot be listed: {error}"
        return AwsError(error.fault, message, hint=hint, code=error.code)

    def _missing(self) -> SourceError:
        return SourceError(f"there is no bucket {self.name!r}", hint="mend `bucket` of this source")


def _checked(page: Answer) -> Answer:
    """A page that says of itself that it is whole."""
    from inventory.aws import corrupt  # noqa: PLC0415 - botocore is slow to import, and there by now

    objects, folders = page.get("Contents", ()), page.get("CommonPrefixes", ())
    wrong = (
        "more pages without a way to them"
        if page["IsTruncated"] and not page.get("NextContinuationToken")
        else "another count than what is listed"
        if len(objects) + len(folders) != page["KeyCount"]
        else "an object without key, size or ETag"
        if not all({"Key", "Size", "ETag"} <= one.keys() for one in objects)
        else "a folder without a name"
        if not all(one.get("Prefix") for one in folders)
        else ""
    )
    if wrong:
        raise corrupt("s3.list-objects-v2", wrong)
    return page


def _objects(page: Answer) -> Iterator[Stored]:
    """Those that are objects: a folder that somebody made by hand is none."""
    for one in page.get("Contents", ()):
        key = str(one["Key"])
        if not key.endswith("/"):
            yield Stored(key, int(one["Size"]), str(one["ETag"]).strip('"'), _asleep(one))


def _asleep(one: Answer) -> str:
    storage = str(one.get("StorageClass", ""))
    restored = one.get("RestoreStatus", {})
    awake = restored.get("RestoreExpiryDate") and not restored.get("IsRestoreInProgress")
    return storage if storage in _ASLEEP and not awake else ""
