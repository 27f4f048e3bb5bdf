"""Forms of files, each read into columns by name."""
