"""The `pars` command: thin, one function per subcommand."""
