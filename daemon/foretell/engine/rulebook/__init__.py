"""Rule files become rules: text in, never files; every problem at once, with its place.

The words that people write stand in `words`, what each condition makes of them in `clauses`, and how a
whole rule is put together in `compile`. The running engine imports none of this.
"""

from foretell.engine.rulebook.compile import Around, read_rule
from foretell.engine.rulebook.words import RuleModel, TestModel

__all__ = ["Around", "RuleModel", "TestModel", "read_rule"]
