"""A VMM driver whose answers a file tells: by action, what is written, each item at once.

``{id}`` stands for the VM's id, and the item ``exit`` for the driver's end. Actions that the file
does not name succeed. Each line that was sent is noted in a second file.
"""

import json
import os
import sys
from pathlib import Path

DEFAULTS = {
    "INIT": ["INIT SUCCESS - -\n"],
    "DEPLOY": ["DEPLOY SUCCESS {id} opennebula-hybrid-7\n"],
    "DRIVER_CANCEL": [],
    "FINALIZE": ["exit"],
}


def main(answers: Path, notes: Path) -> None:
    with notes.open("a") as out:
        for line in sys.stdin:
            out.write(line)
            out.flush()
            action, _, rest = line.strip().partition(" ")
            number, _, _ = rest.strip().partition(" ")
            told = DEFAULTS | json.loads(answers.read_text())
            for item in told.get(action, [f"{action} SUCCESS {{id}} -\n"]):
                if item == "exit":
                    return
                os.write(1, item.replace("{id}", number).encode())


main(Path(sys.argv[1]), Path(sys.argv[2]))
