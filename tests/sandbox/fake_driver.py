"""A VMM driver with the answers of a file: the texts for each action, one write for each text.

``{id}`` becomes the VM's id, and the text ``exit`` ends the driver. Actions that are not in the
file succeed. The driver writes each line that it gets into a second file.
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
