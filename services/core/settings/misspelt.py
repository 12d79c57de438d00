"""Warn of environment variables that look like settings and are none."""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Mapping

from services.core.settings.table import GROUPS, settings_of

__all__ = ["misspelt_variables", "warn_of_misspelt_variables"]

logger = logging.getLogger("doorstep.services")

_PREFIX = "DOORSTEP_"
_OTHERS = {
    "DOORSTEP_DATA",  # the command line: folder of data sets
    "DOORSTEP_VERSION",  # docker-compose.yaml and images
    "DOORSTEP_API_EXAMPLES",  # the tests, as those below
    "DOORSTEP_TEST_DATA",
    "DOORSTEP_TEST_SEED",
}

# Kubernetes gives every container variables of the services in its namespace: of one that is named
# doorstep-etp, DOORSTEP_ETP_SERVICE_HOST, DOORSTEP_ETP_PORT, DOORSTEP_ETP_PORT_3000_TCP_ADDR, ...
_KUBERNETES = re.compile(r".*(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT(_\d+_(TCP|UDP|SCTP).*)?)")


def misspelt_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence about each variable that begins like a setting and is none.

    >>> misspelt_variables(
    ...     {"DOORSTEP_STOER": "events.db", "DOORSTEP_ETP_PORT": "tcp://10.0.0.7"}
    ... )
    ['DOORSTEP_STOER is no setting and has no effect; did you mean DOORSTEP_STORE?']
    """
    kinds = [kind for group in GROUPS.values() for kind in group]
    known = {one.declared.variable.name for one in settings_of(kinds)}
    sentences = []
    for name in sorted(environment):
        if not name.startswith(_PREFIX) or name in known | _OTHERS or _KUBERNETES.fullmatch(name):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        hint = f"; did you mean {close[0]}?" if close else "; docs/settings.md lists all settings"
        sentences.append(f"{name} is no setting and has no effect{hint}")
    return sentences


def warn_of_misspelt_variables(environment: Mapping[str, str] | None = None) -> None:
    """Log a warning for each variable that begins like a setting and is none.

    Args:
        environment: environment variables; those of the process by default.
    """
    for sentence in misspelt_variables(os.environ if environment is None else environment):
        logger.warning("%s", sentence)
