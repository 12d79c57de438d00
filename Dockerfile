# syntax=docker/dockerfile:1
# A service as an image, made of its bento (code, locked requirements, models; see `make bento`):
#
#   make bento SERVICE=etp
#   docker build --build-arg SERVICE=etp --tag doorstep-etp .
#
# And the `doorstep` command, which trains, makes keys and reads streams:
#
#   docker build --target tools --tag doorstep-tools .

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d
# One of events, etp, courier_travel, wall_eta, eta.
ARG SERVICE=eta

# --- base: what runs needs; no compiler, no root ----------------------------------------------------
FROM ${PYTHON_IMAGE} AS base

RUN groupadd --gid 10001 doorstep \
    && useradd --uid 10001 --gid doorstep --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin doorstep \
    && install --directory --owner=doorstep --group=doorstep /var/lib/doorstep

# Only /tmp and /var/lib/doorstep are written to: the root file system may be read-only.
ENV PATH=/opt/doorstep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BENTOML_DO_NOT_TRACK=True \
    NUMBA_CACHE_DIR=/tmp/numba

# --- build: environments with exactly what is locked ------------------------------------------------
FROM base AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_NO_CACHE=1

# pip installs uv, uv the rest: it keeps to the lock whatever is released.
COPY requirements/install.sh requirements/uv.lock /opt/requirements/
RUN python -m venv /opt/doorstep

FROM build AS build-service

ARG SERVICE
COPY build/bentos/${SERVICE}/src/requirements/${SERVICE}.lock /opt/requirements/
RUN sh /opt/requirements/install.sh /opt/doorstep ${SERVICE}

COPY build/bentos/${SERVICE} /opt/doorstep/bento
# What is compiled here need not be compiled at every start, where the processors are alike.
WORKDIR /opt/doorstep/bento/src
RUN /opt/doorstep/bin/python -m compileall -q /opt/doorstep/bento/src \
    && BENTOML_HOME=/tmp/bentoml NUMBA_CACHE_DIR=/opt/doorstep/kernels \
        /opt/doorstep/bin/python -m services.bento.precompile /opt/doorstep/bento

FROM build AS build-tools

WORKDIR /src
COPY requirements/build.lock requirements/runtime.lock /opt/requirements/
RUN python -m venv /opt/build \
    && sh /opt/requirements/install.sh /opt/build build \
    && sh /opt/requirements/install.sh /opt/doorstep runtime

COPY pyproject.toml README.md LICENSE ./
COPY doorstep doorstep
COPY aggregators aggregators
COPY estimators estimators
COPY services services
COPY simulator simulator
COPY commands commands
RUN /opt/build/bin/uv build --wheel --no-build-isolation --python /opt/build/bin/python --out-dir /dist . \
    && /opt/doorstep/bin/uv pip install --python /opt/doorstep/bin/python --no-deps /dist/*.whl \
    && /opt/doorstep/bin/python -m services.bento.shipped_kernels

# --- tools: the command line; models are saved beside the data --------------------------------------
FROM base AS tools

# LightGBM, which trains, needs the OpenMP runtime. Debian keeps one version per release, so the image
# pins it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build-tools /opt/doorstep /opt/doorstep

ENV BENTOML_HOME=/var/lib/doorstep/bentoml
USER 10001:10001
WORKDIR /var/lib/doorstep
VOLUME ["/var/lib/doorstep"]
HEALTHCHECK NONE

ENTRYPOINT ["doorstep"]
CMD ["--help"]

# --- service: one bento ------------------------------------------------------------------------------
FROM base AS service

ARG SERVICE
LABEL org.opencontainers.image.title="doorstep ${SERVICE}" \
    org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build-service /opt/doorstep /opt/doorstep

ENV BENTOML_HOME=/tmp/bentoml \
    DOORSTEP_STORE=/var/lib/doorstep/events.db

USER 10001:10001
WORKDIR /opt/doorstep/bento/src
VOLUME ["/var/lib/doorstep"]
EXPOSE 3000

HEALTHCHECK --interval=10s --timeout=3s --start-period=240s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]

# Others reach the container, so it wants API keys (DOORSTEP_API_KEYS_FILE), or to be told that it may
# do without (DOORSTEP_ALLOW_ANONYMOUS=1); otherwise it says so and ends.
CMD ["sh", "-c", "mkdir -p $NUMBA_CACHE_DIR && cp -R /opt/doorstep/kernels/. $NUMBA_CACHE_DIR && exec python -m services.bento.serve /opt/doorstep/bento --host 0.0.0.0 --port 3000"]
