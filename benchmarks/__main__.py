"""`make bench`: physics, then training, each beside this machine's limit."""

import sys

from pars import device

device.setup()

from benchmarks import physics, training  # noqa: E402  after the devices are set up

PARTS = {"physics": physics, "training": training}

for name in sys.argv[1:] or PARTS:
    print(f"== {name}")
    PARTS[name].run()
