"""Mean and standard deviation of columns that come a chunk at a time."""

import numpy as np

Array = np.ndarray


class Moments:
    """Mean and standard deviation of columns that come in chunks, in float64."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, np.zeros(()), np.zeros(())

    @classmethod
    def of(cls, chunk: Array) -> "Moments":
        """Those of one chunk [n, width]."""
        own, values = cls(), chunk.astype(np.float64)
        own.count, own.mean = len(values), values.mean(axis=0)
        own.squares = ((values - own.mean) ** 2).sum(axis=0)
        return own

    def add(self, more: "Moments") -> None:
        count, apart = self.count + more.count, more.mean - self.mean
        self.squares = self.squares + more.squares + apart**2 * self.count * more.count / count
        self.mean, self.count = self.mean + apart * more.count / count, count

    def facts(self) -> dict[str, list[float]]:
        return {"obs_mean": self.mean.tolist(), "obs_std": np.sqrt(self.squares / self.count).tolist()}
