"""Bytes become facts: one batch of flow log text, folded into sightings, captures and a tally.

:class:`Folder` takes chunks of any size (or events one by one), finds the few lines that can matter and adds each to its group. Nothing
here stops at bad input; every record read ends in exactly one :class:`~inventory.model.Outcome`.
"""

from __future__ import annotations

from inventory.errors import ConfigError
from inventory.flowlog import dense, record, scan
from inventory.flowlog.format import DEFAULT_FORMAT, LogFormat
from inventory.flowlog.groups import Groups, Run
from inventory.flowlog.record import Columns, Key, Malformed, Moment
from inventory.flowlog.sift import sift
from inventory.model import Folded, Known, Outcome, Span, Tally

_BAD_LINES = 5
_PROBED_LINES = 200
_DENSE = 5  # every fifth line a candidate: from here on parsing is the work, not finding

_DEFAULT = Columns(DEFAULT_FORMAT)


class Folder:
    """Folds one batch.

    ``format`` is ``auto``, ``default`` or a ``${…}`` string (:class:`~inventory.errors.ConfigError` for anything else); a header line
    in the text always wins. ``slot`` gives records without usable times their time; ``window`` keeps out records that start outside it.

    Neither the bounds of chunks nor the order of records of one format matter to the result.
    """

    def __init__(
        self,
        format: str,  # noqa: A002 - the domain's word
        known: Known,
        slot: Span | None,
        window: Span | None = None,
    ) -> None:
        stated = LogFormat.parse(format)
        self._known, self._slot, self._window = known, slot, window
        self._columns = Columns(stated) if stated else None
        self._formats: dict[str, None] = {}
        self._unusable = ""
        self._groups = Groups(known)
        self._tally = Tally()
        self._first: int | None = None
        self._last: int | None = None
        self._tail = b""
        self._endless = False
        self._newest: tuple[Columns | None, bytes] | None = None
        self._dense = dense.Gathering()
        self._foreign_product = False
        self.tables = False
        """Whether it was a table whose rows were begun."""
        self.recognised = False
        """Whether anything looked like a flow log: a header, or a record of the stated or the default format."""

    @property
    def crowded(self) -> bool:
        """Holes (SKIPDATA) were too many to keep them all: the batch must count as ``partial``."""
        return self._groups.crowded

    # -- input

    def feed(self, chunk: bytes) -> None:
        """The next bytes of a text; lines may go across chunks. A line of more than 64 KiB is malformed and none of it is kept."""
        chunk = scan.plain_spaces(chunk)
        first = chunk.find(b"\n")
        if first < 0:
            self._keep_tail(self._tail + chunk)
            return
        if self._endless:
            self._endless = False
        else:
            self._line(self._tail + chunk[:first])
        last = chunk.rfind(b"\n") + 1
        self._tail = b""
        if last > first + 1:
            self._block(chunk[first + 1 : last])
        self._keep_tail(chunk[last:])

    def event(self, message: bytes, timestamp: int | None, interface_id: str = "") -> None:
        """One log event: a record, and the event's time in epoch *seconds* for records without their own.

        ``interface_id``, from the name of the log stream, serves formats that lack the field.
        """
        if timestamp is not None and timestamp >= record.OLDEST and not self._outside(timestamp):
            self._saw(timestamp, timestamp)
        for line in scan.plain_spaces(message).split(b"\n"):
            self._line(line, timestamp, interface_id.encode("ascii", "replace"), event=True)

    def read_as(self, columns: Columns) -> None:
        """The events from here on are in this format: one of several that deliver to the same place."""
        self._columns = columns
        self._formats[columns.format.text] = None

    def table(self, full: LogFormat, narrow: LogFormat, reach: Span | None) -> None:
        """A table instead of a text: its format, that of the rows which :meth:`values` will give, and the times it lies between."""
        self._formats[full.text] = None
        self._columns = Columns(narrow)
        self._foreign_product = full.is_transit_gateway
        self.recognised = self.tables = True
        if reach is not None:
            self._saw(*reach)

    def values(self, values: list[bytes]) -> None:
        """One row of a table, as texts."""
        columns = self._columns
        if columns is None:
            return
        try:
            outcome = self._judge([*values, b"-"], columns, None, b"")
        except Malformed as reason:
            self.refuse(str(reason), b" ".join(values))
        else:
            self._tally.add(outcome)

    def unexamined(self, rows: int) -> None:
        """Rows of the table that can hold neither the port nor NODATA or SKIPDATA."""
        self._tally.add(Outcome.NOT_VPC_FLOW if self._foreign_product else Outcome.OTHER_PORT, rows)

    def end(self) -> None:
        """There is no more: what follows the last newline is a record."""
        if self._tail and not self._endless:
            self._line(self._tail)
        self._tail = b""

    def finish(self, *, cut: bool = False) -> Folded:
        """What the batch adds. ``cut``: the input ended early, so what follows the last newline is no record."""
        if not cut:
            self.end()
        self._tail = b""
        self._settle_dense()
        if self._newest is not None:
            self._peek(*self._newest)
        sightings = self._groups.sightings()
        if sightings:
            self._saw(
                min(one.first_seen for one in sightings), max(one.last_seen for one in sightings)
            )
        return Folded(
            sightings=sightings,
            captures=self._groups.captures(),
            tally=self._tally,
            first_record=self._first,
            last_record=self._last,
            format="\n".join(self._formats),
        )

    # -- lines

    def _keep_tail(self, tail: bytes) -> None:
        if self._endless:
            return
        if len(tail) > scan.MAX_LINE:
            self.refuse("a line of more than 64 KiB", tail)
            self._endless, tail = True, b""
        self._tail = tail

    def _block(self, block: bytes) -> None:
        """Whole lines; ends with a newline."""
        while (span := scan.too_long(block)) is not None:
            if span[0]:
                self._lines(block[: span[0]])
            self.refuse("a line of more than 64 KiB", block[span[0] : span[0] + 200])
            block = block[span[1] + 1 :]
        if block:
            self._lines(block)

    def _lines(self, block: bytes) -> None:
        """Lines of bearable length: headers, blank lines and comments are taken out."""
        lines = scan.count_lines(block)
        if not scan.uniform(block, lines):
            if scan.may_hold_headers(block):
                block = self._past_headers(block)
            if scan.may_hold_blanks(block):
                block = b"".join(
                    line + b"\n" for line in block[:-1].split(b"\n") if not scan.is_blank(line)
                )
            lines = scan.count_lines(block)
        if lines:
            self._records(block, lines)

    def _past_headers(self, block: bytes) -> bytes:
        """Everything up to the last header is dealt with; what follows it is returned."""
        start = position = 0
        while position < len(block):
            end = block.find(b"\n", position)
            line = block[position:end]
            if scan.may_be_header(line) and self._header(line, before=block[start:position]):
                start = end + 1
            position = end + 1
        return block[start:]

    def _header(self, line: bytes, before: bytes = b"") -> bool:
        """Whether the line is a header; if so, ``before`` is dealt with in the old format, and the new one holds from here."""
        try:
            found = LogFormat.header(line)
        except ConfigError as error:
            found, problem = None, str(error)
        else:
            problem = ""
            if found is None:
                return False
        if before:
            self._lines(before)
        self._settle_dense()
        self._unusable = problem
        self._columns = Columns(found) if found else None
        self.recognised = True
        if found:
            self._formats[found.text] = None
        return True

    def _records(self, block: bytes, lines: int) -> None:
        """Nothing but records, all in one format."""
        columns = self._columns
        self._look(block, columns)
        if columns is not None and columns.format.is_transit_gateway:
            self._tally.add(Outcome.NOT_VPC_FLOW, lines)
            return
        if columns is not None and columns.format.comma:
            for line in block[:-1].split(b"\n"):
                self._single(line)
            return
        if (
            columns is not None
            and _DENSE * scan.count_port(block) > lines
            and self._dense.takes(block, columns)
        ):
            if self._dense.enough:
                self._settle_dense()
            return
        self._sparse(block, lines, columns)

    def _sparse(self, block: bytes, lines: int, columns: Columns | None) -> None:
        """The usual way: only the candidate lines are looked at."""
        examined = 0
        if columns is not None:
            found = sift(block, columns, self._groups, self._window)
            examined = found.lines
            self._tally.add(Outcome.REQUEST, found.requests)
            self._tally.add(Outcome.RESPONSE, found.responses)
            self._tally.add(Outcome.STRAY, found.strays)
            for line in found.unusual:
                self._examine(line, columns)
        first, last = (columns.port_first, columns.port_last) if columns else (False, False)
        for line in scan.candidates(block, first=first, last=last, between=columns is None):
            examined += 1
            self._examine(line, columns)
        self._tally.add(Outcome.OTHER_PORT, lines - examined)

    def _line(
        self, line: bytes, stamp: int | None = None, interface: bytes = b"", *, event: bool = False
    ) -> None:
        """One line by itself, where a block would be too much."""
        if len(line) > scan.MAX_LINE:
            self.refuse("a line of more than 64 KiB", line)
        elif not scan.is_blank(line) and not (
            scan.may_be_header(line) and not event and self._header(line)
        ):
            if not event:
                self._look(line + b"\n", self._columns)
            elif not self.recognised:
                self._recognise(self._columns, line)
            self._single(line, stamp, interface)

    def _single(self, line: bytes, stamp: int | None = None, interface: bytes = b"") -> None:
        columns = self._columns
        if columns is not None and columns.format.is_transit_gateway:
            self._tally.add(Outcome.NOT_VPC_FLOW)
            return
        if columns is not None and columns.format.comma:
            candidate = b"2049" in line and scan.PORT in [
                value.strip() for value in line.split(b",")
            ]
        else:
            first = columns is not None and columns.port_first
            candidate = scan.has_port(
                line, first=first, last=columns is not None and columns.port_last
            )
        if candidate or scan.has_status(line):
            self._examine(line, columns, stamp, interface)
        else:
            self._tally.add(Outcome.OTHER_PORT)

    # -- the lines between the candidates: is this a flow log, and how far in time does it reach?

    def _look(self, block: bytes, columns: Columns | None) -> None:
        if not self.recognised:
            for line in block[: _PROBED_LINES * 256].split(b"\n")[:_PROBED_LINES]:
                if self._recognise(columns, line):
                    break
        if self._newest is None:
            self._peek(columns, block[: block.find(b"\n")])
        self._newest = columns, block[block.rfind(b"\n", 0, -1) + 1 : -1]

    def _recognise(self, columns: Columns | None, line: bytes) -> bool:
        if columns is not None:
            if columns.fits(line):
                self.recognised = True
                self._formats[columns.format.text] = None
        elif not self._unusable and is_default(line):
            self.recognised = True
            self._formats[DEFAULT_FORMAT.text] = None
        return self.recognised

    def _peek(self, columns: Columns | None, line: bytes) -> None:
        """The first and the last record of a batch are asked for their times, whatever their port: how far it reaches."""
        if columns is None and is_default(line):
            columns = _DEFAULT
        if columns is None or columns.format.is_transit_gateway:
            return
        try:
            start, end, _, _ = columns.numbers(columns.split(line))
            moment = record.time_of(start, end, None, None)
        except Malformed:
            return
        if moment.known and not self._outside(moment.start):
            self._saw(moment.start, moment.end)

    def _saw(self, first: int, last: int) -> None:
        if self._first is None or first < self._first:
            self._first = first
        if self._last is None or last > self._last:
            self._last = last

    # -- one candidate

    def _examine(
        self, line: bytes, columns: Columns | None, stamp: int | None = None, interface: bytes = b""
    ) -> None:
        """Judge one candidate line; counts it exactly once."""
        if columns is None:
            if self._unusable or not is_default(line):
                self.refuse(
                    self._unusable or "format unknown: no header, and not the default format", line
                )
                return
            columns = _DEFAULT
            self._formats[DEFAULT_FORMAT.text] = None
            self.recognised = True
        try:
            outcome = self._judge(columns.split(line), columns, stamp, interface)
        except Malformed as reason:
            self.refuse(str(reason), line)
        else:
            self._tally.add(outcome)

    def _judge(
        self, values: list[bytes], columns: Columns, stamp: int | None, interface: bytes
    ) -> Outcome:
        status = values[columns.status]
        if status in {b"NODATA", b"SKIPDATA"}:
            return self._capture(values, columns, stamp, interface)
        ports = values[columns.srcport], values[columns.dstport]
        record.check_ports(ports)
        if scan.PORT not in ports:
            return Outcome.OTHER_PORT
        if not record.is_tcp(values[columns.protocol]):
            return Outcome.NOT_TCP
        start, end, packets, size = columns.numbers(values)
        load = record.count(packets, "packets"), record.count(size, "bytes")
        moment = record.time_of(start, end, stamp, self._slot)
        key = Key(*columns.key(values))
        if interface and columns.interface == columns.width:
            key = key._replace(interface_id=interface)
        request = None if ports[0] == ports[1] else ports[1] == scan.PORT
        place = self._groups.place(key, request=request)
        if (outcome := self._untimely(moment)) is not None:
            return outcome
        if request is None:
            request = place is self._groups.requests.get(key)
        self._groups.add(place, moment.start, moment.end, *load, request=request)
        return Outcome.STRAY if place.stray else Outcome.REQUEST if request else Outcome.RESPONSE

    def _capture(
        self, values: list[bytes], columns: Columns, stamp: int | None, interface: bytes
    ) -> Outcome:
        """NODATA and SKIPDATA tell about looking, never about traffic, whatever else the line has."""
        skipped = values[columns.status] == b"SKIPDATA"
        start, end, _, _ = columns.numbers(values)
        moment = record.time_of(start, end, stamp, self._slot)
        who = record.text(
            values[columns.interface] if columns.interface < columns.width else interface
        )
        if (outcome := self._untimely(moment)) is not None:
            return outcome
        (self._groups.skipped if skipped else self._groups.seen)(who, moment.start, moment.end)
        self._saw(moment.start, moment.end)
        return Outcome.SKIPDATA if skipped else Outcome.NODATA

    def _untimely(self, moment: Moment) -> Outcome | None:
        if moment.bad:
            msg = "end is before start, or an hour after it"
            raise Malformed(msg)
        if not moment.known:
            return Outcome.NO_TIME
        return Outcome.OUT_OF_WINDOW if self._outside(moment.start) else None

    def _outside(self, start: int) -> bool:
        return self._window is not None and not self._window[0] <= start < self._window[1]

    def refuse(self, reason: str, line: bytes) -> None:
        """Count a record as malformed; the first few are kept for ``status``."""
        self._tally.add(Outcome.MALFORMED)
        if len(self._tally.bad) < _BAD_LINES:
            self._tally.bad.append(record.shown(reason, line))

    # -- many candidates

    def _settle_dense(self) -> None:
        """Deal with the blocks that were put aside because every fifth line and more of them is a candidate."""
        block, columns = self._dense.take()
        if columns is None:
            return
        lines = scan.count_lines(block)
        found = dense.read(block, columns, self._window) if len(block) >= dense.WORTH else None
        if found is None or found.rows != lines:
            self._sparse(block, lines, columns)
            return
        texts = block.split(b"\n")
        settled = lines - len(found.leftover)
        for number in found.leftover:
            self._single(texts[number])
        for key, number, run in found.runs:
            settled -= run[2] + run[3]
            self._enter(key, run, texts[number])
        self._tally.add(Outcome.OTHER_PORT, settled)

    def _enter(self, key: Key, run: Run, line: bytes) -> None:
        """A run of records whose key is that of a request."""
        groups = self._groups
        asked, answered = run[2], run[3]
        try:
            place = groups.requests.get(key) or groups.place(key, request=True)
        except Malformed as reason:
            self.refuse(str(reason), line)
            self._tally.add(Outcome.MALFORMED, asked + answered - 1)
            return
        groups.add_run(place, run)
        self._tally.add(Outcome.STRAY if place.stray else Outcome.REQUEST, asked)
        self._tally.add(Outcome.STRAY if place.stray else Outcome.RESPONSE, answered)


def is_default(line: bytes) -> bool:
    """Whether the line is a record of the default format: 14 values, ``2`` the first, an interface the third."""
    values = line.split()
    return len(values) == _DEFAULT.width and values[0] == b"2" and values[2].startswith(b"eni-")
