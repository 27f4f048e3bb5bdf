"""Pages that open without a server, and what stands on them."""
