"""The loop: one compiled block for a population, offline and online alike, in a folder that nothing can lose."""
