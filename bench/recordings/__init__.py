"""A fixed choice of rules on recordings of real devices: what they found, how early, what they made up.

The choice stands in `rules/`, with its reasons; it is one and the same for every stream. No recording lies
here: they are read from `../shared/data`, beside the checkout.
"""
