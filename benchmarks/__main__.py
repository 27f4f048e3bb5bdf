"""`make bench`: physics, then training, each beside this machine's limit. `python -m benchmarks memory` on request."""

import sys

from pars import device

device.setup()

from benchmarks import memory, physics, training  # noqa: E402  after the devices are set up

PARTS = {"physics": physics, "training": training, "memory": memory}
USUAL = ("physics", "training")  # memory writes gigabytes

for name in sys.argv[1:] or USUAL:
    print(f"== {name}")
    PARTS[name].run()
