# The two commands in a container:
#   docker build -t pars .
#   docker run --rm -v "$PWD/runs:/home/pars/pars/runs" pars     the demo (make demo), report in runs/demo
#   docker run --rm pars make test                               the tests
FROM python:3.11-slim-bookworm

# make, gcc and git as on any machine; EGL, so that pictures of tasks need no screen
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc git libc6-dev libegl1 libgl1-mesa-dri make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home pars
USER pars
WORKDIR /home/pars/pars

COPY --chown=pars . .
RUN make setup

CMD ["make", "demo"]
