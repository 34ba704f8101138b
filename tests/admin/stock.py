"""Front-ends as OpenNebula's packages leave them, in the files that an installation meets."""

from dataclasses import dataclass
from pathlib import Path

SERIES = ("5.6", "5.10", "5.12", "6.0", "6.10", "7.2", "7.4")

_ONED = """\
#*******************************************************************************
# The daemon: times in seconds, sizes in megabytes
#*******************************************************************************
LOG = [
  SYSTEM      = "FILE",
  DEBUG_LEVEL = 3
]
#MANAGER_TIMER = 15
MONITORING_INTERVAL_HOST      = 180
DB = [ BACKEND = "mysql",
       SERVER  = "localhost",
       PASSWD  = "not for everybody" ]
VNC_PORTS = [
    START    = 5900,
    RESERVED = "32768:65536"
    # RESERVED = "[an example], and a bracket ]"
]
{im_mads}
VM_MAD = [
    NAME           = "kvm",
    SUNSTONE_NAME  = "KVM",
    EXECUTABLE     = "one_vmm_exec",
    ARGUMENTS      = "-l migrate=migrate_local -t 15 -r 0 kvm",
    TYPE           = "kvm",
    KEEP_SNAPSHOTS = "yes"
]
{hybrid}
#VM_MAD = [ NAME="dummy", SUNSTONE_NAME="Testing", EXECUTABLE="one_vmm_dummy",
#  TYPE="xml" ]
TM_MAD = [
    EXECUTABLE = "one_tm",
    ARGUMENTS = "-t 15 -d dummy,lvm,shared,ssh"
]
DATASTORE_MAD = [
    EXECUTABLE = "one_datastore",
    ARGUMENTS  = "-t 15 -d dummy,fs,lvm -s {system_drivers}"
]
{encrypted}
# VNET_ENCRYPTED_ATTR = ""
VN_MAD_CONF = [
    NAME = "bridge",
    BRIDGE_TYPE = "linux"
]
"""
_HYBRID_EXAMPLE = """\
# VM_MAD = [
#     NAME           = "one",
#     EXECUTABLE     = "one_vmm_sh",
#     ARGUMENTS      = "-t 15 -r 0 one",
#     TYPE           = "xml"
# ]
"""
_IM_OF_ONED = """\
IM_MAD = [
      NAME       = "collectd",
      EXECUTABLE = "collectd",
      ARGUMENTS  = "-p 4124 -f 5 -t 50 -i 60" ]
# IM_MAD = [
#       NAME          = "one",
#       EXECUTABLE    = "one_im_sh",
#       ARGUMENTS     = "-c -t 1 -r 0 one" ]
"""
_MONITORD_OF_ONED = """\
IM_MAD = [
      NAME       = "monitord",
      EXECUTABLE = "onemonitord",
      ARGUMENTS  = "-c monitord.conf",
      THREADS    = 8 ]
"""
_MONITORD = """\
NETWORK = [
    ADDRESS = "0.0.0.0", MONITOR_ADDRESS = "auto", PORT = 4124, THREADS = 8, PUBKEY = "" ]
PROBES_PERIOD = [ BEACON_HOST = 30, STATE_VM = 5 ]
IM_MAD = [
    NAME          = "kvm",
    SUNSTONE_NAME = "KVM",
    EXECUTABLE    = "one_im_ssh",
    ARGUMENTS     = "-r 3 -t 15 -w 90 kvm",
    THREADS       = 0
]
#-------------------------------------------------------------------------------
"""
RUBY_VM_MAD = """\
VM_MAD = [
    NAME           = "one",   # the hybrid driver
    EXECUTABLE     = "one_vmm_sh",
    ARGUMENTS      = "-p -t 15 -r 0 one",
    TYPE           = "xml" ]
"""
RUBY_IM_MAD = 'IM_MAD = [ NAME="one", EXECUTABLE="one_im_sh", ARGUMENTS="-c -t 1 -r 0 one" ]\n'


@dataclass(frozen=True)
class FrontEnd:
    """An OpenNebula below a directory."""

    root: Path
    etc: Path
    lib: Path
    var: Path
    environment: dict[str, str]

    def tree(self) -> dict[str, tuple[int, bytes | str]]:
        """Everything below the root: modes, contents, links."""
        found: dict[str, tuple[int, bytes | str]] = {}
        for path in sorted(self.root.rglob("*")):
            mode = path.lstat().st_mode
            if path.is_symlink():  # a kept link may be broken there
                found[str(path)] = mode, str(path.readlink())
            else:
                found[str(path)] = mode, b"" if path.is_dir() else path.read_bytes()
        return found


def make_packaged(root: Path, series: str) -> FrontEnd:
    """Make a front-end of *series* with the packages' layout."""
    front_end = FrontEnd(root, root / "etc/one", root / "usr/lib/one", root / "var/lib/one", {})
    unpack(front_end, series)
    return front_end


def self_contained(root: Path, series: str) -> FrontEnd:
    """Make a front-end of *series* below one directory, $ONE_LOCATION."""
    base = root / "srv/one"
    environment = {"ONE_LOCATION": "/srv/one"}
    front_end = FrontEnd(root, base / "etc", base / "lib", base / "var", environment)
    unpack(front_end, series)
    return front_end


def unpack(front_end: FrontEnd, series: str) -> None:
    """Put the files of *series* in place, over older ones, as a package upgrade does."""
    version = tuple(map(int, series.split(".")))
    remotes = front_end.var / "remotes"
    for directory in (front_end.etc, front_end.lib / "mads", front_end.lib / "ruby/opennebula"):
        directory.mkdir(parents=True, exist_ok=True)
    library = "opennebula/version.rb" if version >= (7,) else "opennebula.rb"
    ruby = f"module OpenNebula\n    # release\n    VERSION = '{series}.0'\nend\n"
    (front_end.lib / "ruby" / library).write_text(ruby)
    _write(front_end.lib / "mads/one_vmm_sh", "#!/bin/bash\nexec one_vmm_exec $*\n", 0o755)
    _write(remotes / "VERSION", f"{series}.0\n", 0o644)
    _write(remotes / "im/run_probes", "#!/bin/bash\n", 0o755)
    _write(remotes / "vmm/kvm/deploy", "#!/bin/bash\n", 0o755)
    if version < (7,):
        _unpack_ruby_driver(remotes, version)
    _write(front_end.etc / "oned.conf", oned_conf(version), 0o640)
    if version >= (5, 12):
        _write(front_end.etc / "monitord.conf", _MONITORD, 0o640)


def oned_conf(version: tuple[int, ...]) -> str:
    """Return an oned.conf with the shape of that release's."""
    encrypted = 'HOST_ENCRYPTED_ATTR = "EC2_SECRET"\nHOST_ENCRYPTED_ATTR = "ONE_PASSWORD"\n'
    return _ONED.format(
        system_drivers="dummy,shared,ssh" if version >= (7,) else "shared,ssh",
        im_mads=_IM_OF_ONED if version < (5, 12) else _MONITORD_OF_ONED,
        hybrid=_HYBRID_EXAMPLE if version < (6,) else "",
        encrypted=encrypted if (5, 10) <= version < (7,) else "#   - HOST_ENCRYPTED_ATTR",
    )


def _unpack_ruby_driver(remotes: Path, version: tuple[int, ...]) -> None:
    """Put in place what the packages have of the Ruby hybrid driver."""
    for name in ("deploy", "shutdown", "save", "poll"):
        _write(remotes / "vmm/one" / name, f"#!/usr/bin/env ruby\n# {name} {version}\n", 0o755)
    _write(remotes / "vmm/one/opennebula_driver.rb", "# library\n", 0o644)
    if version < (5, 12):
        _write(remotes / "im/one.d/poll", "#!/usr/bin/env ruby\n", 0o755)
        return
    for name, mode in (("monitord-client_control.sh", 0o755), ("monitord-client.rb", 0o644)):
        _write(remotes / "im/common.d" / name, "#!/bin/sh\n", mode)
        link = remotes / "im/one.d" / name
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../common.d/{name}")


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
