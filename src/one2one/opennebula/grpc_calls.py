"""OpenNebula's gRPC: which of its calls is an XML-RPC call, and what an error in it means.

It has the calls of the XML-RPC under other names, with the same arguments in the same order: the
session is field 1 of the request, the first argument field 2. A call answers with an XML document
or text, or with the id of an object, in field 1. Sources: the ``.proto`` files and
``RequestGRPC.h`` of 7.2 and 7.4, which do not differ here. This module makes no connection.
"""

from dataclasses import dataclass
from enum import Enum

from one2one.opennebula import errors, rpc
from one2one.opennebula.document import Document
from one2one.opennebula.errors import OneError, ProtocolError
from one2one.opennebula.protobuf import BOOL, INT, SINT, TEXT, decode, encode, to_int32


class Result(Enum):
    """What a call answers with."""

    XML = "an XML document, or another text"
    ID = "the id of an object"


@dataclass(frozen=True)
class GrpcCall:
    """A call of the gRPC."""

    path: str
    """The name of the service and of its method, as HTTP/2 has them."""
    result: Result
    arguments: tuple[str, ...]
    """The types of the fields that follow the session."""

    def encode(self, session: str, arguments: tuple[rpc.Argument, ...]) -> bytes:
        """Return the request; raises ProtocolError for arguments that it cannot carry."""
        try:
            return encode((TEXT, *self.arguments), (session, *arguments))
        except ValueError as error:  # a UnicodeError is one
            cause = f"the call cannot be written for gRPC ({type(error).__name__}: {error})"
            raise ProtocolError(cause, remedy="Report it") from None


def _xml(path: str, *arguments: str) -> GrpcCall:
    return GrpcCall(f"/one.{path}", Result.XML, arguments)


def _id(path: str, *arguments: str) -> GrpcCall:
    return GrpcCall(f"/one.{path}", Result.ID, arguments)


_VM = "vm.VirtualMachineService"
_TEMPLATE = "tmpl.TemplateService"
_RANGE = (SINT, SINT, SINT)
"""Whose objects, the first and the last id."""

CALLS: dict[str, GrpcCall] = {
    "one.system.version": _xml("system.SystemService/Version"),
    "one.system.config": _xml("system.SystemService/Config"),
    "one.zone.info": _xml("zone.ZoneService/Info", INT, BOOL),
    "one.zone.raftstatus": _xml("zone.ZoneService/RaftStatus"),
    "one.acl.info": _xml("acl.AclService/Info"),
    "one.userpool.info": _xml("user.UserService/PoolInfo"),
    "one.user.info": _xml("user.UserService/Info", INT, BOOL),
    "one.grouppool.info": _xml("group.GroupService/PoolInfo"),
    "one.group.info": _xml("group.GroupService/Info", INT, BOOL),
    "one.cluster.info": _xml("cluster.ClusterService/Info", INT, BOOL),
    "one.datastorepool.info": _xml("datastore.DatastoreService/PoolInfo"),
    "one.image.info": _xml("image.ImageService/Info", INT, BOOL),
    "one.vn.info": _xml("vn.VirtualNetworkService/Info", INT, BOOL),
    "one.host.info": _xml("host.HostService/Info", INT, BOOL),
    "one.host.monitoring": _xml("host.HostService/Monitoring", INT),
    "one.host.allocate": _id("host.HostService/Allocate", TEXT, TEXT, TEXT, SINT),
    "one.host.delete": _id("host.HostService/Delete", INT),
    "one.host.status": _id("host.HostService/Status", INT, INT),
    "one.host.update": _id("host.HostService/Update", INT, TEXT, INT),
    "one.hostpool.info": _xml("host.HostService/PoolInfo"),
    "one.template.info": _xml(f"{_TEMPLATE}/Info", INT, BOOL, BOOL),
    "one.template.allocate": _id(f"{_TEMPLATE}/Allocate", TEXT),
    "one.template.update": _id(f"{_TEMPLATE}/Update", INT, TEXT, INT),
    "one.template.delete": _id(f"{_TEMPLATE}/Delete", INT, BOOL),
    "one.template.instantiate": _id(f"{_TEMPLATE}/Instantiate", INT, TEXT, BOOL, TEXT, BOOL),
    "one.templatepool.info": _xml(f"{_TEMPLATE}/PoolInfo", *_RANGE),
    "one.vm.info": _xml(f"{_VM}/Info", INT, BOOL),
    "one.vm.allocate": _id(f"{_VM}/Allocate", TEXT, BOOL),
    "one.vm.deploy": _id(f"{_VM}/Deploy", INT, INT, BOOL, SINT, TEXT),
    "one.vm.recover": _id(f"{_VM}/Recover", INT, INT),
    "one.vm.chown": _id(f"{_VM}/Chown", INT, SINT, SINT),
    "one.vm.rename": _id(f"{_VM}/Rename", INT, TEXT),
    "one.vm.action": _id(f"{_VM}/Action", TEXT, INT),
    "one.vm.update": _id(f"{_VM}/Update", INT, TEXT, INT),
    "one.vm.updateconf": _id(f"{_VM}/UpdateConf", INT, TEXT, INT),
    "one.vm.resize": _id(f"{_VM}/Resize", INT, TEXT, BOOL),
    "one.vm.attach": _id(f"{_VM}/DiskAttach", INT, TEXT),
    "one.vm.detach": _id(f"{_VM}/DiskDetach", INT, INT),
    "one.vm.diskresize": _id(f"{_VM}/DiskResize", INT, INT, TEXT),
    "one.vm.attachnic": _id(f"{_VM}/NicAttach", INT, TEXT),
    "one.vm.detachnic": _id(f"{_VM}/NicDetach", INT, INT),
    "one.vm.snapshotcreate": _id(f"{_VM}/SnapshotCreate", INT, TEXT),
    "one.vm.snapshotrevert": _id(f"{_VM}/SnapshotRevert", INT, INT),
    "one.vm.snapshotdelete": _id(f"{_VM}/SnapshotDelete", INT, INT),
    "one.vmpool.info": _xml(f"{_VM}/PoolInfo", *_RANGE, SINT, TEXT),
    "one.vmpool.infoextended": _xml(f"{_VM}/PoolInfoExtended", *_RANGE, SINT, TEXT),
    "one.vmpool.infoset": _xml(f"{_VM}/PoolInfoSet", TEXT, BOOL),
    "one.vmpool.monitoring": _xml(f"{_VM}/PoolMonitoring", SINT, SINT),
    "one.vmpool.accounting": _xml(f"{_VM}/PoolAccounting", SINT, INT, INT),
    "one.vmpool.showback": _xml(f"{_VM}/PoolShowback", SINT, INT, INT, INT, INT),
}
"""The calls that one2one makes, by their names in the XML-RPC."""


def find_call(method: str) -> GrpcCall:
    """Return the call; raises MethodNotFound for one that one2one does not know by gRPC."""
    if call := CALLS.get(method):
        return call
    raise errors.MethodNotFound(f"{method} is not known by gRPC")


@dataclass(frozen=True)
class GrpcAnswer:
    """The message that answered a call."""

    result: Result
    message: bytes

    def decode_result(self) -> str | int:
        """Return the result, a text or a number; raises ProtocolError."""
        try:
            if self.result is Result.XML:
                return str(self._read_text(), "utf-8")
            # The id 0 is left out of a message.
            number = decode(self.message).get(1, 0)
        except ValueError as error:
            raise _not_a_message_error(error) from None
        if isinstance(number, memoryview):
            raise ProtocolError("answered with a text instead of an id", sent=True)
        return to_int32(number)

    def decode_document(self) -> Document:
        """Return the resulting text, which needs no decoding; raises ProtocolError."""
        if self.result is Result.ID:
            return Document(str(self.decode_result()).encode())
        try:
            return Document(bytes(self._read_text()))
        except ValueError as error:
            raise _not_a_message_error(error) from None

    def _read_text(self) -> memoryview | bytes:
        text = decode(self.message).get(1, b"")
        if isinstance(text, int):
            raise ProtocolError("answered with a number instead of a text", sent=True)
        return text


_CODES = {
    "UNAUTHENTICATED": 0x0100,
    "PERMISSION_DENIED": 0x0200,
    "NOT_FOUND": 0x0400,
    "INVALID_ARGUMENT": 0x1000,
    "INTERNAL": 0x2000,
    "ALREADY_EXISTS": 0x4000,
}
"""OpenNebula's ErrorCode for the gRPC status that it becomes (``RequestGRPC::to_status_code``).

INTERNAL is also ACTION and REPLICATION, and PERMISSION_DENIED is LOCKED: the text tells which.
"""


_WITHOUT_STATE = ("one.vm.info", "one.vm.allocate")
"""Calls about a VM that no state of it can forbid."""


def refusal_error(status: str, method: str, text: str) -> OneError | None:
    """Return the error that oned answered with, None if it is no answer of oned.

    oned puts the call's name first. So a status of a proxy, or of gRPC itself, is never taken for
    a fact, such as that a VM does not exist.
    """
    code = _CODES.get(status)
    if code is None or not text.startswith("[one.") or "]" not in text:
        return None
    cause = text.partition("]")[2].strip()
    if not cause:
        # RequestGRPC::execute drops what the leader answered, or that it did not answer.
        return errors.Busy("a server that does not lead hides the leader's answer", sent=True)
    if cause.startswith(("ENDPOINT_GRPC for zone", "Master gRPC endpoint not")):
        return errors.ConfigurationError(
            cause, remedy="Set ENDPOINT_GRPC of the zone's servers, or use its XML-RPC"
        )
    if cause.startswith("The resource ") and status == "PERMISSION_DENIED":
        code = 0x8000
    if cause.startswith("Error replicating log entry "):
        code = 0x10000
    error = rpc.refusal_error(cause, code)
    may_be_action = code == _CODES["INTERNAL"] and type(error) is errors.Refused
    if may_be_action and method.startswith("one.vm.") and method not in _WITHOUT_STATE:
        return errors.WrongState(cause)
    return error


def _not_a_message_error(error: ValueError) -> ProtocolError:
    return ProtocolError(f"not an answer of OpenNebula's gRPC ({error})", sent=True)
