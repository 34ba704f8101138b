"""A simulated OpenNebula, cloud and front-end, for trials and tests.

A cloud answers on a real port as OpenNebula 5.10, 6.10 or 7.2 does::

    from one2one.opennebula.states import RUNNING
    from opennebula_sandbox.cloud.cloud import SimulatedCloud
    from opennebula_sandbox.cloud.faults import drop_after

    with SimulatedCloud("6.10", templates=3, delay=0.1) as cloud:
        cloud.endpoint, cloud.user, cloud.password  # what a client needs
        vm = cloud.instantiate(0, "web")            # as the user, without the network
        assert cloud.wait_for(vm.id, RUNNING)
        cloud.owner.quotas.limit(VMS=2, RUNNING_CPU=-2)
        cloud.usage.override(vm.id, CPU="99.5", NETRX="-1")
        cloud.faults.on(drop_after, "one.template.instantiate")
        cloud.restart()
        cloud.calls.counts()["one.vm.info"]         # how many calls arrived

With ``clock=Clock(virtual=True)`` time stands still: ``cloud.clock.settle()`` and
``advance()`` move it without waiting.
"""
