"""The table of host attributes in ``docs/configuration.md``: run this module to make it."""

import sys

from one2one.hybrid.attributes import ATTRIBUTES, Attribute


def render() -> str:
    """Return the table."""
    return "".join(
        [
            "| attribute | value | default | meaning |\n",
            "|---|---|---|---|\n",
            *map(_row, ATTRIBUTES),
        ]
    )


def _row(attribute: Attribute) -> str:
    vector, _, member = attribute.name.partition("/")
    name = f"{vector} = [ {member} = … ]" if member else vector
    default = "required" if attribute.required else attribute.default or "none"
    return f"| `{name}` | {attribute.value} | {default} | {attribute.meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
