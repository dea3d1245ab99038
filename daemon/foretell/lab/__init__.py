"""The same river over recordings and journals: replay, and later backtest and tuning.

Must not know: how a live daemon is run. It feeds what was recorded and writes down what came of it.
"""
