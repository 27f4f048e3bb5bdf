"""`python -m pars.cli`."""

from pars.cli.main import main

main()
