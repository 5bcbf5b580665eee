"""Flow log lines for tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from inventory.flowlog.fields import DEFAULT
from inventory.flowlog.fold import Folder
from inventory.model import Folded, Known, Span

HEADER = " ".join(DEFAULT)
T = 1_790_000_100
"""A slot's begin."""

SERVER = "10.1.0.5"
KNOWN = Known(servers=frozenset({SERVER, "2001:db8::5"}), boring=frozenset({"eni-b0"}))

RICH = [
    "account-id",
    "interface-id",
    "srcport",
    "dstport",
    "srcaddr",
    "dstaddr",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "log-status",
    "action",
    "vpc-id",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "instance-id",
    "az-id",
    "brand-new-field",
]


def line(fields: Sequence[str] = DEFAULT, **values: object) -> str:
    """One record: a request that is in form, with the given values (underscore names)."""
    usual: dict[str, object] = {
        "version": 2,
        "account-id": "123456789012",
        "interface-id": "eni-0a",
        "srcaddr": "10.2.0.9",
        "dstaddr": SERVER,
        "srcport": 700,
        "dstport": 2049,
        "protocol": 6,
        "packets": 10,
        "bytes": 2000,
        "start": T,
        "end": T + 58,
        "action": "ACCEPT",
        "log-status": "OK",
    }
    usual |= {name.replace("_", "-"): value for name, value in values.items()}
    return " ".join(str(usual.get(name, "-")) for name in fields)


def fold(
    text: str | bytes,
    format: str = "auto",  # noqa: A002 - the domain's word
    *,
    known: Known = KNOWN,
    slot: Span | None = None,
    window: Span | None = None,
    chunk: int = 0,
) -> Folded:
    """The text, folded; in chunks of that many bytes."""
    data = text.encode() if isinstance(text, str) else text
    folder = Folder(format, known, slot, window)
    step = chunk or len(data) or 1
    for start in range(0, len(data), step):
        folder.feed(data[start : start + step])
    return folder.finish()


_ports = st.sampled_from(
    ["2049", "2049", "2049", "443", "700", "0", "65535", "65536", "-", "x", "+5", "02049", "-1"]
)
_addresses = st.sampled_from(
    [
        SERVER,
        "10.2.0.9",
        "10.2.0.10",
        "10.9.9.9",
        "2001:db8::5",
        "2001:DB8:0::5",
        "::ffff:10.2.0.9",
        "-",
        "10.2.0",
        "fe80::1%e",
    ]
)
_counts = st.sampled_from(["1", "10", "2049", "0", "-", "None", "12x", "9" * 15, "9" * 16, "1_0"])
_starts = st.one_of(
    st.integers(T - 400, T + 700).map(str),
    st.sampled_from(["-", "0", "1300000000", f"{T}000", "9" * 20, "abc", "+5", str(2**31)]),
)

VALUES: dict[str, st.SearchStrategy[str]] = {
    "version": st.sampled_from(["2", "5"]),
    "account-id": st.sampled_from(["123456789012", "unknown"]),
    "interface-id": st.sampled_from(["eni-0a", "eni-0b", "eni-b0", "-"]),
    "srcaddr": _addresses,
    "dstaddr": _addresses,
    "pkt-srcaddr": _addresses,
    "pkt-dstaddr": _addresses,
    "srcport": _ports,
    "dstport": _ports,
    "protocol": st.sampled_from(["6", "6", "6", "17", "-", "tcp"]),
    "packets": _counts,
    "bytes": _counts,
    "start": _starts,
    "end": st.one_of(st.integers(T - 300, T + 900).map(str), _starts),
    "action": st.sampled_from(["ACCEPT", "REJECT", "-", "DROP"]),
    "log-status": st.sampled_from(["OK", "OK", "OK", "NODATA", "SKIPDATA", "-"]),
    "instance-id": st.sampled_from(["-", "i-1"]),
    "az-id": st.sampled_from(["-", "use1-az1", "b\x01d", "NODATA"]),
}


@st.composite
def records(draw: st.DrawFn, fields: tuple[str, ...]) -> str:
    """A line of the format: mostly in form, sometimes with a few values out of form, sometimes of another shape."""
    usual = {
        "srcaddr": draw(st.sampled_from(["10.2.0.9", "10.2.0.10"])),
        "interface-id": draw(st.sampled_from(["eni-0a", "eni-0b"])),
        "start": (start := draw(st.integers(T - 200, T + 500))),
        "end": start + draw(st.integers(0, 90)),
    }
    if draw(st.booleans()):
        usual |= {"srcport": 2049, "dstport": 700, "srcaddr": SERVER, "dstaddr": usual["srcaddr"]}
    odd = draw(st.lists(st.sampled_from([name for name in fields if name in VALUES]), max_size=3))
    for name in odd:
        usual[name] = draw(VALUES[name])
    text = line(fields, **{name.replace("-", "_"): value for name, value in usual.items()})
    return draw(
        st.sampled_from(
            [text] * 12
            + [
                text + " # said so",
                text.replace(" ", "  ", 1),
                text + " 2049",
                text[:-5],
                " " + text,
                text + "\r",
                "# 2049",
                "",
                " ",
            ]
        )
    )
