"""All calls of a simulated oned: who calls, with what, and what is answered."""

from collections.abc import Sequence

from opennebula_sandbox.cloud.api import account, devices, pool, template, vm
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.oned import Oned
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value

METHODS: dict[str, Method] = {
    **account.METHODS,
    **devices.METHODS,
    **pool.METHODS,
    **template.METHODS,
    **vm.METHODS,
}
"""By name. 5.10 does not have all of them."""

_NO_SUCH_METHOD = -506


def call(oned: Oned, method: str, arguments: tuple[object, ...]) -> Sequence[Value]:
    """Return the array that answers a call; its first argument is the session.

    Raises Fault as xmlrpc-c does, for calls and arguments that OpenNebula never sees.
    """
    called = METHODS.get(method)
    if called is None or (method == "one.vmpool.infoset" and not oned.profile.has_infoset):
        raise Fault(_NO_SUCH_METHOD, f"Method '{method}' not defined")
    session = Method(str, (str,)).checked(arguments)[0]
    with oned.clock.lock:
        try:
            user = oned.accounts.authenticate(session, oned.clock.now())
            result = called.run(oned, user, *called.checked(arguments[1:]))
        except Refusal as refusal:
            text = f"[{method}] {refusal.text}"
            return [False, text, int(refusal.code), refusal.object_id, -1]
    return [True, result, 0]
