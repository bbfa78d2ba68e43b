"""What tools print in front of a log event: times, log streams, log groups, event ids.

``aws logs tail``, ``sam logs``, ``aws logs filter-log-events --output text``, ``awslogs`` and text
copied from the console carry them; the events of CloudWatch Logs themselves do not.
"""

from __future__ import annotations

import re

__all__ = ["without_prefix"]

_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
_PREFIX = re.compile(
    rf"""
    \s*+ (?: (?:
        [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} (?: [T ] {_TIME} )?          # 2026-01-31T12:02:08.123
            (?: [ ]? (?: Z | UTC | \(? [+-][0-9]{{2}}:?[0-9]{{2}} \)? ) )?       # Z, +00:00
        | {_TIME}                                                     # 12:02:08
        | [0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/ [^\s\[\]]* \[[^\s\[\]]*\] \w*        # log stream
        | /aws/lambda/\S+                                             # log group
        | EVENTS | [0-9]{{10,60}}                                     # --output text: ids, epoch ms
    ) \s++ )*+
    """,
    re.VERBOSE,
)
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def without_prefix(message: str) -> str:
    """The event alone: no blanks, colours or known prefixes before it. Anything else stays."""
    if "\x1b" in message:
        message = _ANSI_COLOUR.sub("", message)
    prefix = _PREFIX.match(message)
    return message[prefix.end() :] if prefix else message
