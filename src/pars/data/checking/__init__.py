"""What is wrong with data, and what it holds."""
