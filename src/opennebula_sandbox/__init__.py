"""A simulated OpenNebula, cloud and front-end, for trying and testing.

A cloud answers on a real port, as OpenNebula 5.10, 6.10 or 7.2 would::

    from one2one.opennebula.states import RUNNING
    from opennebula_sandbox.cloud.cloud import Cloud
    from opennebula_sandbox.cloud.faults import drop_after

    with Cloud("6.10", templates=3, delay=0.1) as cloud:
        cloud.endpoint, cloud.user, cloud.password  # for whoever is to use it
        vm = cloud.instantiate(0, "web")            # by the remote user's own hand
        assert cloud.wait_for(vm.id, RUNNING)
        cloud.owner.quotas.limit(VMS=2, RUNNING_CPU=-2)
        cloud.usage.say(vm.id, CPU="99.5", NETRX="-1")
        cloud.faults.on(drop_after, "one.template.instantiate")
        cloud.restart()
        cloud.calls.counts()["one.vm.info"]         # what arrived

With ``clock=Clock(virtual=True)`` nothing happens by itself: ``cloud.clock.settle()`` and
``advance()`` make it happen, without waiting.
"""
