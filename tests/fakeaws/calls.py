"""Calls and who answers them: the registry of handlers, and the way of one request through the fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from botocore.model import OperationModel

from tests.fakeaws import models
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError, refusal

if TYPE_CHECKING:
    from tests.fakeaws.cloud import Cloud, Key, Rows

Result = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request, read and checked."""

    cloud: Cloud
    key: Key
    """Who asks."""
    region: str
    service: str
    operation: OperationModel
    parameters: Mapping[str, Any]

    @property
    def account(self) -> str:
        return self.key.account

    @property
    def name(self) -> str:
        return models.call_name(self.service, str(self.operation.name))

    @property
    def partition(self) -> str:
        return models.partition(self.region)

    def rows(self, call: str = "") -> Rows:
        """What this place has under a call's name now; under this call's own unless another is named."""
        place = self.cloud.place(self.account, self.region)
        return place.answers(self.cloud.now()).get(call or self.name, ())

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the model says
        return self.parameters.get(name, default)

    def refusal(self, reason: str, message: str) -> RefusalError:
        """A refusal in this service's words; see ``REASONS``."""
        style = models.style(self.operation.service_model)
        return refusal(reason, self.service, style, message)

    def with_parameters(self, parameters: Mapping[str, Any]) -> Call:
        return replace(self, parameters=parameters)


Answering = Callable[[Call], Result]


@dataclass(frozen=True)
class Handler:
    """Who answers a call: with everything there is, which is then cut into pages."""

    answer: Answering
    pages: Pages | None = None

    def check(self, call: Call) -> None:
        """Raises ``RefusalError`` for a size of pages that is not allowed."""
        wrong = self.pages.wrong_size(call.parameters) if self.pages else ""
        if wrong:
            raise call.refusal("page_size", wrong)

    def __call__(self, call: Call) -> Result:
        """Raises ``RefusalError``."""
        if self.pages is None:
            return self.answer(call)
        whole = self.answer(call)
        try:
            return self.pages.page(whole, call.parameters, call.cloud.page_size)
        except ValueError as error:
            raise call.refusal("token", f"the token {error} is not valid") from error


HANDLERS: dict[str, Handler] = {}
"""By the CLI's name of the call. A module of a service adds its own when it is imported."""


def answers(call: str, pages: Pages | None = None) -> Callable[[Answering], Answering]:
    """Says that a function answers a call."""

    def register(answer: Answering) -> Answering:
        assert call not in HANDLERS, call
        HANDLERS[call] = Handler(answer, pages)
        return answer

    return register


SERVICES = (
    "account",
    "athena",
    "cloudtrail",
    "cloudwatch",
    "declaring",
    "ec2",
    "ecs",
    "efs",
    "eks",
    "fsx",
    "functions",
    "logs",
    "organizations",
    "s3files",
    "sts",
)
"""The modules that answer."""


def load_services() -> None:
    """Imports every service's module and model: the first request must not wait for them."""
    for name in SERVICES:
        import_module(f"tests.fakeaws.services.{name}")
    for call in HANDLERS:
        models.service(call.partition(".")[0])
