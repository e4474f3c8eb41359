"""Spares each query a search for pandas.

DuckDB imports pandas whenever a query has arguments, to know its values from others. Where it is not installed, every
single query searches all of ``sys.path`` for it, which takes as long as a small query itself, and holds the GIL.
"""

import sys
from importlib.util import find_spec


class _NotThere:
    """Says at once that pandas is not there; who asks for its spec gets the usual answer."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Return nothing, so that the search goes on.

        Raises:
            ModuleNotFoundError: pandas is to be imported, rather than only looked for.
        """
        if name == "pandas" and sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def spare_searches() -> None:
    """Search for pandas once and for all, where it is not installed."""
    if "pandas" not in sys.modules and _NotThere not in sys.meta_path and find_spec("pandas") is None:
        sys.meta_path.insert(0, _NotThere)
