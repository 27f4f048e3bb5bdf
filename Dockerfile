# The two commands in a container:
#   docker build -t pars .
#   docker run --rm pars make test                               the tests
#   mkdir -p runs && docker run --rm --user "$(id -u):$(id -g)" --env HOME=/tmp -v "$PWD/runs:/home/pars/pars/runs" pars
#                                                                the demo (make demo), report in runs/demo
# A folder that is not there when it is mounted would be root's, and nobody else could write to it.
FROM python:3.11-slim-bookworm

# make, gcc and git as on any machine; EGL, so that pictures of tasks need no screen
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc git libc6-dev libegl1 libgl1-mesa-dri make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home pars && install --directory --owner=pars --group=pars /home/pars/pars
USER pars
WORKDIR /home/pars/pars

COPY --chown=pars . .
RUN make setup

CMD ["make", "demo"]
