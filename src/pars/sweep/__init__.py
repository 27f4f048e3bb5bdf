"""Training past one process: sweeps over workers here or on a Ray cluster, and search for settings in populations."""
