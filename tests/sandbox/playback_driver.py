"""A driver that answers what a recorded one did, and notes each line that it was sent.

Arguments: the recording, the file for the notes, and what oned passes as ARGUMENTS.
"""

import gzip
import json
import os
import sys
from collections import defaultdict, deque
from pathlib import Path


def main(recording: str, notes: str) -> None:
    answers: dict[tuple[str, str], deque[list[str]]] = defaultdict(deque)
    waiting: dict[str, list[str]] = {}
    with gzip.open(recording, "rt") as lines:
        for event in map(json.loads, lines):
            words = event.get("line", "").split()
            if event["dir"] == "core>mad" and len(words) > 1:
                waiting[words[1]] = []
                answers[words[0], words[1]].append(waiting[words[1]])
            elif event["dir"] == "mad>core" and words[0] != "INIT":
                waiting[words[2]].append(event["line"])
    with Path(notes).open("w") as out:
        for line in sys.stdin:
            words = line.split()
            if words[0] == "FINALIZE":
                return
            out.write(line)
            out.flush()
            first = words[0] == "INIT"
            for reply in ["INIT SUCCESS - -"] if first else answers[words[0], words[1]].popleft():
                os.write(1, f"{reply}\n".encode())


main(*sys.argv[1:3])
