"""Answers the XML-RPC calls of a simulated cloud."""

from collections.abc import Sequence

from opennebula_sandbox.cloud.api import (
    account,
    accounting,
    devices,
    disks,
    nics,
    pool,
    snapshots,
    template,
    vm,
)
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value

METHODS: dict[str, Method] = {
    **account.METHODS,
    **accounting.METHODS,
    **devices.METHODS,
    **disks.METHODS,
    **nics.METHODS,
    **pool.METHODS,
    **snapshots.METHODS,
    **template.METHODS,
    **vm.METHODS,
}
"""All calls by name; 5.10 does not have all of them."""

_NO_SUCH_METHOD = -506


def call(oned: RemoteOned, method: str, arguments: tuple[object, ...]) -> Sequence[Value]:
    """Return the array of the answer to a call; its first argument is the session.

    Raises Fault, as xmlrpc-c does, for unknown calls and for arguments of wrong types.
    """
    called = METHODS.get(method)
    if called is None or (method == "one.vmpool.infoset" and not oned.profile.has_infoset):
        raise Fault(_NO_SUCH_METHOD, f"Method '{method}' not defined")
    session = Method(str, (str,)).check_arguments(arguments)[0]
    with oned.clock.lock:
        try:
            user = oned.accounts.authenticate(session, oned.clock.now())
            result = called.run(oned, user, *called.check_arguments(arguments[1:]))
        except Refusal as refusal:
            text = f"[{method}] {refusal.text}"
            return [False, text, int(refusal.code), refusal.object_id, -1]
    return [True, result, 0]
