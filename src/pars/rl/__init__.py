"""What methods share: losses, returns, critics, and the two families of policies."""
