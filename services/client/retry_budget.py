"""Limit how many requests are sent again, so that retries do not overload a busy service.

Source: the retry budgets of Finagle (https://twitter.github.io/finagle/guide/Clients.html) and
"Addressing Cascading Failures" in "Site Reliability Engineering" (Google).
"""

from __future__ import annotations

import threading

__all__ = ["RetryBudget"]

RETRY_SHARE = 0.2
"""Retries per request, in the long run."""
RETRY_RESERVE = 10.0
"""Retries that a client has at the start, and the most that it can save."""


class RetryBudget:
    """Counts the retries that are left: each request earns a share of one, each retry spends one.

    Args:
        share: retries that each request earns.
        reserve: retries at the start, and the most that can be saved.

    >>> budget = RetryBudget(share=0.5, reserve=1.0)
    >>> budget.take_retry(), budget.take_retry()
    (True, False)
    >>> budget.add_request()
    >>> budget.add_request()
    >>> budget.take_retry()
    True
    """

    def __init__(self, *, share: float = RETRY_SHARE, reserve: float = RETRY_RESERVE) -> None:
        self._share = share
        self._most = reserve
        self._left = reserve
        self._changing = threading.Lock()

    def add_request(self) -> None:
        """Earn a share of a retry."""
        with self._changing:
            self._left = min(self._left + self._share, self._most)

    def take_retry(self) -> bool:
        """Spend one retry, if there is one."""
        with self._changing:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
