"""The OpenNebulas that the front-end can play, and when each thing changed.

Where behaviour differs, the other modules ask for the ``version``, so that the release in which
it changed stands beside what changed.
"""

from dataclasses import dataclass

from opennebula_sandbox.cloud.profile import PROFILES, Profile


@dataclass(frozen=True)
class Generation:
    """A release of OpenNebula, as the local cloud."""

    profile: Profile
    """How it writes its objects; the same as the simulated cloud's."""

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor number."""
        major, minor = self.profile.name.split(".")
        return int(major), int(minor)

    @property
    def public_cloud(self) -> bool:
        """Whether hosts with PUBLIC_CLOUD=YES run VMs without a datastore (removed in 7.0)."""
        return self.version < (7, 0)

    @property
    def monitord(self) -> bool:
        """Whether onemonitord owns the IM drivers (since 5.12) rather than oned."""
        return self.version >= (5, 12)

    @property
    def stream_driver(self) -> bool:
        """Whether drivers are oned's ``Driver`` (since 6.0) rather than its ``Mad``."""
        return self.version >= (6, 0)


GENERATIONS = {name: Generation(profile) for name, profile in PROFILES.items()}
"""By name, such as ``6.10``."""
