"""Making datasets: behaviours that are trained here, and the walks that they are sent on."""
