"""What `benchmarks.peers.record` runs in a peer's process, see tests/algos/parity/README.md."""
