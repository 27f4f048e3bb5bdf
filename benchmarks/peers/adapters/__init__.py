"""One module per peer: `Adapter(job)` with `steps(count)` and `act(obs)`, see benchmarks.peers.base.Adapter."""
