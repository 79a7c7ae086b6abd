"""Sends a request to the region that its `x-region` header names, and greets in every answer."""

from wit_world import exports
from wit_world.exports.lifecycle import Manifest
from wit_world.exports.routing import Decision, Decision_Pass, Decision_Route, Target
from wit_world.imports.types import (
    BodyMode_None_,
    Edits,
    Field,
    Pair,
    Request,
    Response,
    ResponsePatch,
    ResponseVerdict,
    ResponseVerdict_Next,
)


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Manifest:
        return Manifest(
            name="{{name}}",
            version="0.1.0",
            request_inputs=["header:x-region"],
            response_inputs=["edge.region"],
            metrics=[],
            config_schema="",
            extra=[],
        )

    def configure(self, id: int, config: bytes) -> None:
        """It takes any configuration and looks at none."""

    def release(self, id: int) -> None:
        pass


class Routing(exports.Routing):
    def select(self, request: Request) -> Decision:
        # Slots count the names in request_inputs; there is only one.
        if not request.inputs:
            return Decision_Pass()
        region = request.inputs[0].value.decode("latin-1")
        return Decision_Route(
            Target(
                service=None,
                require=[],
                prefer=[Pair("region", region)],
                affinity=b"",
                path=None,
                authority=None,
                edits=None,
                timeout_ms=None,
                memo=0,
            )
        )


class ResponseFilter(exports.ResponseFilter):
    def on_response(self, response: Response, memo: int) -> ResponseVerdict:
        region = response.inputs[0].value if response.inputs else b"somewhere"
        edits = Edits(remove=[], set=[Field("x-hello", b"from " + region)], append=[])
        return ResponseVerdict_Next(
            ResponsePatch(status=None, edits=edits, metadata=[], body=BodyMode_None_())
        )
