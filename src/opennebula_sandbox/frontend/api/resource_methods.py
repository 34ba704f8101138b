"""The calls about images and virtual networks."""

from collections.abc import Mapping

from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.refusal import no_such_error
from opennebula_sandbox.cloud.vm.resources import Resources
from opennebula_sandbox.cloud.wire.render_resource import render_image, render_network


def make_resource_methods(resources: Resources) -> Mapping[str, Method]:
    """Return the calls by name."""

    def image_info(_user: User, image_id: int, _decrypt: bool = False) -> str:
        if image_id not in resources.images:
            raise no_such_error("image", image_id)
        return render_image(resources.images[image_id])

    def network_info(_user: User, network_id: int, _decrypt: bool = False) -> str:
        if network_id not in resources.networks:
            raise no_such_error("virtual network", network_id)
        return render_network(resources.networks[network_id])

    return {
        "one.image.info": Method(image_info, (int,), (bool,)),
        "one.vn.info": Method(network_info, (int,), (bool,)),
    }
