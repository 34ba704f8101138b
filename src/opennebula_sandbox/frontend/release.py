"""The OpenNebula releases that the front-end simulates, and their differences.

The other modules compare the ``version`` where behaviour differs. So the number of the release
with the change stands beside the change.
"""

from dataclasses import dataclass

from opennebula_sandbox.cloud.profile import PROFILES, Profile


@dataclass(frozen=True)
class Release:
    """A release of OpenNebula as the local cloud."""

    profile: Profile
    """The format of its objects, as in the simulated cloud."""

    @property
    def version(self) -> tuple[int, int]:
        """The major and the minor number."""
        major, minor = self.profile.name.split(".")
        return int(major), int(minor)

    @property
    def public_cloud(self) -> bool:
        """Whether hosts with PUBLIC_CLOUD=YES run VMs without a datastore (removed in 7.0)."""
        return self.version < (7, 0)

    @property
    def monitord(self) -> bool:
        """Whether onemonitord runs the IM drivers (since 5.12), and not oned."""
        return self.version >= (5, 12)

    @property
    def stream_driver(self) -> bool:
        """Whether oned runs drivers with its class ``Driver`` (since 6.0), and not with ``Mad``."""
        return self.version >= (6, 0)


RELEASES = {name: Release(profile) for name, profile in PROFILES.items()}
"""The releases by name, such as ``6.10``."""
