"""Answers the XML-RPC calls of the local oned."""

from collections.abc import Mapping, Sequence

from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.refusal import Refusal, not_authorized_error
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value
from opennebula_sandbox.frontend.oned.pools import Pools

_FOR_ADMINS = ("one.host.", "one.system.config", "one.vm.deploy", "one.vm.migrate")
_NO_SUCH_METHOD = -506


class Api:
    """Answers calls. The functions of *methods* get the user and the arguments."""

    def __init__(self, pools: Pools, methods: Mapping[str, Method]) -> None:
        self._pools = pools
        self._methods = methods

    def call(self, method: str, arguments: tuple[object, ...]) -> Sequence[Value]:
        """Return the array of the answer to a call; raises Fault for an unknown call."""
        if method not in self._methods:
            raise Fault(_NO_SUCH_METHOD, f"Method '{method}' not defined")
        called = self._methods[method]
        session = Method(str, (str,)).check_arguments(arguments)[0]
        rest = called.check_arguments(arguments[1:])
        with self._pools.clock.lock:
            try:
                user = self._pools.accounts.authenticate(session, self._pools.clock.now())
                if method.startswith(_FOR_ADMINS) and not user.is_admin:
                    raise not_authorized_error(user.id, f"Not authorized to perform {method}")
                return [True, called.run(user, *rest), 0]
            except Refusal as refusal:
                text = f"[{method}] {refusal.text}"
                return [False, text, int(refusal.code), refusal.object_id, -1]
