"""Networks and their layers as flax.linen modules, and mapping over an ensemble."""
