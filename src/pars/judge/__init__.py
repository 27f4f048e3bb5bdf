"""What policies are worth, estimated from the data alone: no environment is asked.

An estimate is of the discounted return of an episode, from where the data's episodes start, in the data's units.
"""

from pars.judge.judging import judge

__all__ = ["judge"]
