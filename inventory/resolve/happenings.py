"""What events say of network interfaces: when they came to be and went, to which instances they were attached.

A sweep shows what is there at its moment; an interface that came and went between two sweeps is known by its events only. Of those that
sweeps saw, events move the bounds of their lives nearer. Where the two contradict each other, the sweeps are right.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.model import (
    RUN_GAP,
    SLOT,
    InterfaceChange,
    InterfaceEvent,
    NetworkInterface,
    Version,
)
from inventory.resolve import leases
from inventory.resolve.leases import Tenure

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology

SHUTDOWN = 3600
"""Seconds after TerminateInstances in which an instance may still be shutting down; more than AWS ever waits."""

DETACHING = SLOT
"""Seconds after DetachNetworkInterface in which an interface may still be attached."""

Told = Version[InterfaceEvent]
"""An event, and in which account and region it was told."""


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment of an interface to an instance, by events."""

    instance_id: str
    attachment_id: str
    tenure: Tenure
    made_together: bool
    """The interface came with the instance, as its first one (device index 0), and cannot be taken from it."""


class EventIndex:
    """Interface events by the interface that they concern."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._swept = {
            version.value.network_interface_id for version in topology.versions("network_interface")
        }
        self._by_interface: dict[str, list[Told]] = defaultdict(list)
        self._of_attachment: dict[str, str] = {}
        self._of_instance: dict[str, set[str]] = defaultdict(set)
        told = {version.value.key: version for version in topology.versions("interface_event")}
        events = _once(sorted(told.values(), key=lambda v: (v.value.time, v.value.key)))
        if events:
            self._learn_of_attachments(events)
        for event in events:
            for interface_id in sorted(self.concerned(event.value)):
                self._by_interface[interface_id].append(event)

    def concerned(self, event: InterfaceEvent) -> Collection[str]:
        """The interfaces that an event concerns: the one it names, or those that its attachment or instance leads to."""
        if event.network_interface_id:
            return {event.network_interface_id}
        if event.attachment_id:
            return {self._of_attachment.get(event.attachment_id, "")} - {""}
        return self._of_instance.get(event.instance_id, ())

    def of(self, interface_id: str) -> Sequence[Told]:
        """Everything told of one interface, oldest first."""
        return self._by_interface.get(interface_id, ())

    def interfaces(self) -> Collection[str]:
        """Every interface that an event concerns."""
        return self._by_interface.keys()

    def _learn_of_attachments(self, events: Sequence[Told]) -> None:
        """Which interface an attachment was of, and which ones an instance takes with it when it ends."""
        for version in self._topology.versions("network_interface"):
            interface: NetworkInterface = version.value
            if interface.attachment_id:
                self._of_attachment[interface.attachment_id] = interface.network_interface_id
            if interface.instance_id and interface.device_index == 0:
                self._of_instance[interface.instance_id].add(interface.network_interface_id)
        for told in events:
            event = told.value
            if event.attachment_id and event.network_interface_id:
                self._of_attachment[event.attachment_id] = event.network_interface_id
            together = event.what is InterfaceChange.CREATED and event.instance_id
            if together and event.delete_on_termination is not False:
                self._of_instance[event.instance_id].add(event.network_interface_id)

    # -- lives -------------------------------------------------------------------------------------------------------------------------

    def proofs(self, interface_id: str) -> Iterator[Tenure]:
        """What events prove of an interface's life, and, for one that no sweep saw, what sweeps prove that looked for it."""
        told = self.of(interface_id)
        for version in told:
            yield _life(version.value)
        if told and interface_id not in self._swept:
            place = (told[0].account, told[0].region)
            yield from self._missed(told, self._topology.swept(*place))

    def _missed(self, told: Sequence[Told], sweeps: Sequence[int]) -> Iterator[Tenure]:
        """A sweep just after an event may not show yet what the event did."""
        first, last = told[0].value.time, told[-1].value.time
        before, after = bisect_left(sweeps, first), bisect_right(sweeps, last + RUN_GAP)
        yield Tenure(
            first,
            last,
            sweeps[before - 1] if before else None,
            sweeps[after] if after < len(sweeps) else None,
        )

    # -- attachments -------------------------------------------------------------------------------------------------------------------

    def attachments(self, interface_id: str) -> list[Attached]:
        """Every attachment that events tell of, oldest first; one that is known from elsewhere only ends here."""
        told = [version.value for version in self.of(interface_id)]
        begun = [event for event in told if event.instance_id and event.what in _BEGINS]
        found = []
        for position, event in enumerate(begun):
            follower = begun[position + 1].time if position + 1 < len(begun) else None
            ends = list(_ends(event, told))
            found.append(
                Attached(
                    event.instance_id,
                    event.attachment_id,
                    leases.joined(
                        [Tenure(event.time, event.time, event.time - 1, follower), *ends]
                    ),
                    made_together=event.what is InterfaceChange.CREATED and event.device_index == 0,
                )
            )
        return found

    def detached(self, interface_id: str, attachment_id: str) -> Tenure | None:
        """The end of an attachment that a sweep showed."""
        for version in self.of(interface_id):
            event = version.value
            if (
                attachment_id
                and event.what is InterfaceChange.DETACHED
                and event.attachment_id == attachment_id
            ):
                return Tenure(event.time, event.time, None, event.time + DETACHING)
        return None

    # -- interfaces that no sweep saw --------------------------------------------------------------------------------------------------

    def made_up(self) -> Iterator[Version[NetworkInterface]]:
        """Interfaces that events alone tell of, as they were when they were made and whenever they were attached."""
        for interface_id in sorted(self._by_interface):
            if interface_id in self._swept:
                continue
            made: InterfaceEvent | None = None
            for told in self.of(interface_id):
                event = told.value
                if event.what is InterfaceChange.CREATED and made is None:
                    made = event
                if event.what in _BEGINS or event is made:
                    value = _shape(interface_id, made or event, event, told.account)
                    yield Version(
                        value, told.account, told.region, event.time, event.time, None, None
                    )


def _once(events: Iterable[Told]) -> list[Told]:
    """Without further ends of an instance that has ended: AWS lets it be terminated again, long after it is gone."""
    found: list[Told] = []
    ended: set[str] = set()
    for told in events:
        event = told.value
        if event.what is InterfaceChange.TERMINATED:
            if event.instance_id in ended:
                continue
            ended.add(event.instance_id)
        found.append(told)
    return found


_BEGINS = frozenset({InterfaceChange.CREATED, InterfaceChange.ATTACHED})


def _life(event: InterfaceEvent) -> Tenure:
    """It was there when it was made, changed or deleted; before the one and after the other it was not."""
    time = event.time
    if event.what is InterfaceChange.CREATED:
        return Tenure(time, time, time - 1, None)
    if event.what is InterfaceChange.DELETED:
        # The minute by which a record's times may be late.
        return Tenure(time, time, None, time + RUN_GAP)
    if event.what is InterfaceChange.TERMINATED:
        return Tenure(time, time, None, time + SHUTDOWN)
    return Tenure(time, time, None, None)


def _ends(begin: InterfaceEvent, told: Sequence[InterfaceEvent]) -> Iterator[Tenure]:
    for event in told:
        if event.time < begin.time:
            continue
        if event.what is InterfaceChange.DETACHED and event.attachment_id == begin.attachment_id:
            yield Tenure(event.time, event.time, None, event.time + DETACHING)
        if (
            event.what is InterfaceChange.TERMINATED
            and event.instance_id == begin.instance_id
            and begin.what is InterfaceChange.CREATED
        ):
            yield Tenure(event.time, event.time, None, event.time + SHUTDOWN)


def _shape(
    interface_id: str, made: InterfaceEvent, event: InterfaceEvent, account: str
) -> NetworkInterface:
    """What an interface looked like after an event, by that and by the one that made it."""
    return NetworkInterface(
        interface_id,
        vpc_id=made.vpc_id,
        subnet_id=made.subnet_id,
        owner_id=made.owner_id or account,
        description=made.description,
        interface_type=made.interface_type,
        requester_id=made.requester_id,
        requester_managed=made.requester_managed,
        addresses=made.addresses,
        groups=made.groups,
        attachment_id=event.attachment_id,
        attach_time=event.time if event.instance_id else None,
        instance_id=event.instance_id,
        device_index=event.device_index,
        tags=made.tags,
    )
