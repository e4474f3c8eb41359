"""How likely so few failures would be, if more of the masks failed than is claimed; and how many answers that takes.

Let K of N masks fail and each be drawn with probability n/N, by a design as in ``audit_sample``. Then the number of
failures that are drawn is a sum of at most min(K, n) independent yes-or-no draws with mean K n/N, whatever masks fail
and however they cluster. Of all such sums the binomial with equal chances has the heaviest lower tail, as long as what
was seen lies at least one below the mean, or is 0 (Hoeffding: "On the distribution of the number of successes in
independent trials", Annals of Mathematical Statistics 1956; for 0 it is the inequality of the means). Of a whole
delivery it is the bound of Clopper and Pearson (Biometrika 1934); where K is less than n it is tighter, as the
hypergeometric tail is, which holds for simple random samples only. A judge who notices a failure with probability s
thins the sum: its mean becomes K s n/N. Several independent draws add up.
"""

import math
from dataclasses import dataclass

from scipy.special import bdtr

from al_core.errors import BadAudit


@dataclass(frozen=True, slots=True)
class Design:
    """How the masks were drawn that failures are seen in.

    Attributes:
        units: that there are.
        drawn: how many of them were drawn, over all draws.
        draws: independent of each other.
        noticed: least probability with which a failing unit that is drawn is seen to fail.
    """

    units: int
    drawn: int
    draws: int = 1
    noticed: float = 1.0

    def tail(self, seen: int, failing: int) -> float:
        """Bound the probability of at most ``seen`` failures, if at least ``failing`` of the units fail.

        Returns:
            In [0, 1]; 1 where nothing can be said.
        """
        chances = min(self.draws * failing, self.drawn)
        if chances < 1 or seen >= chances:
            return 1.0
        mean = failing * self.noticed * self.drawn / self.units
        if seen and seen > mean - 1:
            return 1.0
        return float(bdtr(seen, chances, min(mean / chances, 1.0)))

    def most_failing(self, seen: int, among: int, risk: float) -> int:
        """Return the largest number of failing units that the sample does not speak against, from 0 to ``among``.

        With probability at least 1 - ``risk``, no more of these units fail.
        """
        low, high = 0, among + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.tail(seen, middle) <= risk else (middle, high)
        return low


def least_claimed(units: int, error: float) -> int:
    """Return the smallest number of failing units that is more than the share ``error`` of them."""
    return math.floor(error * units + 1e-9) + 1


def answers_needed(units: int, error: float, risk: float, failures: int = 0, noticed: float = 1.0) -> int | None:
    """Return how many of some units must be drawn so that so many failures still bound their share by ``error``.

    For 12,000 masks, an error of 5 % and a risk of 5 %: 59 without a failure, 93 with one.

    Returns:
        At most ``units``; None where even all of them would not be enough.

    Raises:
        BadAudit: shares that are not between 0 and 1.
    """
    if not (0 < error < 1 and 0 < risk < 1):
        raise BadAudit(f"error and the risk of being wrong lie between 0 and 1, got {error:g} and {risk:g}")
    failing = least_claimed(units, error)

    def enough(n: int) -> bool:
        return Design(units, n, noticed=noticed).tail(failures, failing) <= risk

    if failing > units or not enough(units):
        return None
    low, high = 0, units
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
