"""From one HTTP request to what goes back: who asks, whether they may, what goes wrong, the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from tests.fakeaws import checking, models, writing
from tests.fakeaws.calls import HANDLERS, Call, Handler
from tests.fakeaws.cloud import Asked, Cloud, Key
from tests.fakeaws.faults import Fault, Sending
from tests.fakeaws.reading import Reader, Scope, Wire, scope
from tests.fakeaws.refusals import RefusalError, refusal

NOBODY = Key("", "", "", "")


def respond(cloud: Cloud, wire: Wire) -> Sending:
    """The fake's answer to one request. Never raises: its own errors are answered as 500 and kept in ``cloud.mishaps``."""
    try:
        where = scope(wire)
    except RefusalError as refused:
        cloud.mishaps.append(refused)
        return Sending(writing.write_refusal(models.service("sts"), refused))
    model = models.service(where.service)
    try:
        return _respond(cloud, wire, where)
    except RefusalError as refused:
        return Sending(writing.write_refusal(model, refused))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
        cloud.mishaps.append(error)
        broken = RefusalError("InternalFailure", f"the fake failed: {error!r}", 500)
        return Sending(writing.write_refusal(model, broken))


def _respond(cloud: Cloud, wire: Wire, where: Scope) -> Sending:
    reader = Reader(where.service, wire)
    operation = reader.operation()
    key = cloud.known(where)
    arrival = _Arrival(cloud, where, operation, key)
    try:
        parameters = reader.parameters(operation)
    except RefusalError:
        arrival.noted({})
        raise
    fault = arrival.noted(parameters)
    try:
        reply = arrival.answered(parameters, fault)
    except RefusalError as refused:
        reply = writing.write_refusal(operation.service_model, refused)
    return fault.garble(reply) if fault and fault.garble else Sending(reply)


@dataclass(frozen=True)
class _Arrival:
    cloud: Cloud
    where: Scope
    operation: OperationModel
    key: Key | None

    @property
    def call(self) -> str:
        return models.call_name(self.where.service, str(self.operation.name))

    @property
    def account(self) -> str:
        return self.key.account if self.key else ""

    def noted(self, parameters: Mapping[str, Any]) -> Fault | None:
        """Writes the request into the log, and gives the fault that it meets."""
        handler = HANDLERS.get(self.call)
        paged = handler is not None and handler.pages is not None
        fault = self.cloud.faults.strike(self.call, self.account, self.where.region, paged=paged)
        self.cloud.note(
            Asked(
                self.account,
                self.where.region,
                self.call,
                parameters,
                self.cloud.now(),
                fault.name if fault else "",
            )
        )
        return fault

    def answered(self, parameters: Mapping[str, Any], fault: Fault | None) -> writing.Reply:
        """The right answer, or what a fault makes of it before it is bytes. Raises ``RefusalError``."""
        self._admit(fault)
        call = Call(
            self.cloud,
            self.key or NOBODY,
            self.where.region,
            self.where.service,
            self.operation,
            parameters,
        )
        handler = self._handler()
        handler.check(call)
        checking.check(self.where.service, parameters, self.operation.input_shape)
        answering = fault.result if fault else None
        result = answering(call, handler) if answering else handler(call)
        return writing.write(self.operation, result)

    def _handler(self) -> Handler:
        if self.call not in HANDLERS:
            raise NotImplementedError(f"nobody answers {self.call}")
        return HANDLERS[self.call]

    def _admit(self, fault: Fault | None) -> None:
        """Raises ``RefusalError`` for who may not ask, or not now."""
        cloud, key, region = self.cloud, self.key, self.where.region
        if fault and fault.reason:
            raise self._refusal(fault.reason, f"{fault.name} on purpose")
        if key is None or cloud.regions(key.account).get(region) == "DISABLED":
            raise self._refusal("unknown_key", "AWS was not able to validate the credentials")
        if key.expires is not None and cloud.now() >= key.expires:
            raise self._refusal("expired", "The security token included in the request is expired")
        if cloud.too_many(key.account, region, self.call):
            raise self._refusal("throttled", "Rate exceeded")

    def _refusal(self, reason: str, message: str) -> RefusalError:
        model = self.operation.service_model
        return refusal(reason, self.where.service, models.style(model), message)
