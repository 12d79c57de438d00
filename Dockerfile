# syntax=docker/dockerfile:1
# The eTP service as an image: docker build -t doorstep-etp .
# The model is not in it: mount a model store that `doorstep train etp` has filled at /var/lib/doorstep/bentoml.
# The events are kept beside it. (`make bento` puts service and model together instead.)

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

# --- build: the wheel of the project, and an environment with exactly what is locked ---------------
FROM ${PYTHON_IMAGE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1

WORKDIR /src
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.lock \
    && python -m venv /opt/doorstep \
    && /opt/doorstep/bin/pip install --require-hashes -r requirements/runtime.lock

COPY pyproject.toml README.md LICENSE ./
COPY aggregators aggregators
COPY estimators estimators
COPY services services
COPY simulator simulator
COPY commands commands
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/doorstep/bin/pip install --no-deps /dist/*.whl

# --- run: no compiler, no pip cache, no root ---------------------------------------------------------
FROM ${PYTHON_IMAGE} AS run

# LightGBM needs the OpenMP runtime. Debian keeps one version per release, so the image pins it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 doorstep \
    && useradd --uid 10001 --gid doorstep --no-create-home --shell /usr/sbin/nologin doorstep \
    && install --directory --owner=doorstep --group=doorstep \
        /var/lib/doorstep /var/lib/doorstep/bentoml /var/cache/doorstep

COPY --from=build /opt/doorstep /opt/doorstep

ENV PATH=/opt/doorstep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BENTOML_DO_NOT_TRACK=True \
    BENTOML_HOME=/var/lib/doorstep/bentoml \
    DOORSTEP_STORE=/var/lib/doorstep/events.db \
    NUMBA_CACHE_DIR=/var/cache/doorstep

USER 10001:10001
WORKDIR /var/lib/doorstep
VOLUME ["/var/lib/doorstep"]
EXPOSE 3000

HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]

# Others reach the container, so it wants API keys (DOORSTEP_API_KEYS_FILE), or to be told that it may
# do without (DOORSTEP_ALLOW_ANONYMOUS=1); otherwise it says so and ends.
CMD ["python", "-m", "services.serving", "services.etp:EtpService", "--host", "0.0.0.0", "--port", "3000"]
