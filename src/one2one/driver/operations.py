"""Which module carries out which action of oned.

A script carries out one action, so a module is imported when its action is asked for. A resident
driver imports all of them at its start: a newer version may be installed while it runs.
"""

from importlib import import_module

from one2one.driver.operation import Operation

_MODULES = {
    "configuring": ("UPDATECONF",),
    "disks": ("ATTACHDISK", "DETACHDISK", "RESIZEDISK"),
    "lifecycle": (
        "SHUTDOWN",
        "CANCEL",
        "SAVE",
        "REBOOT",
        "RESET",
        "CLEANUP",
        "POLL",
    ),
    "nics": ("ATTACHNIC", "DETACHNIC"),
    "resizing": ("RESIZE",),
    "starting": ("DEPLOY", "RESTORE"),
    "snapshots": ("SNAPSHOTCREATE", "SNAPSHOTREVERT", "SNAPSHOTDELETE"),
}
_BY_ACTION = {action: module for module, actions in _MODULES.items() for action in actions}
ACTIONS = tuple(_BY_ACTION)
"""The actions of oned that can be carried out."""


def find_operation(action: str) -> Operation:
    """Return the function that carries out one of ``ACTIONS``."""
    module = import_module(f"one2one.driver.{_BY_ACTION[action]}")
    operation: Operation = module.OPERATIONS[action]
    return operation


def import_all() -> None:
    """Import the modules of all actions."""
    for action in ACTIONS:
        find_operation(action)
