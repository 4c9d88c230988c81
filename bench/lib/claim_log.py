"""How long single claims took, as the server itself timed them.

auto_explain times statements where they execute, in background workers too, and
logs a sample. The log is read from where it stood when the reading began.
"""

import re

from . import engine

ENTRY = re.compile(r"^@(\d+\.\d+) .*duration: (\d+\.\d+) ms  plan:")


def settings(sample_rate):
    """What the cluster must run with."""
    return {"preload": ("auto_explain",),
            "auto_explain__log_min_duration": "0",
            "auto_explain__sample_rate": str(sample_rate),
            "log_line_prefix": "'@%n '"}


class ClaimLog:
    def __init__(self, cluster):
        self.path = cluster.log
        with open(self.path, "rb") as log:
            self.offset = log.seek(0, 2)

    def claims(self):
        """[(epoch seconds, milliseconds)] of the claims logged since the beginning."""
        found, head, body = [], None, []
        with open(self.path, errors="replace") as log:
            log.seek(self.offset)
            for line in log:
                if line.startswith("@"):
                    self._take(found, head, body)
                    head, body = ENTRY.match(line), []
                elif head:
                    body.append(line)
        self._take(found, head, body)
        return found

    @staticmethod
    def _take(found, head, body):
        text = "".join(body).lower()
        if head and all(word in text for word in engine.CLAIM_WORDS):
            found.append((float(head.group(1)), float(head.group(2))))
