# The image of fewframes: serves projects, runs their rounds, works for Prefect. CONTRIBUTING.md says how to build it.
#
# On a GPU: --build-arg BASE=nvidia/cuda:VERSION-devel-ubuntu24.04, of the CUDA version that torch is built for, so that
# mmcv's operators are compiled for it too. Any Debian or Ubuntu whose python3 is 3.11 to 3.13 will do.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /usr/local/fewframes
ENV PATH=/usr/local/fewframes/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY constraints.txt ./
# The index of PyTorch's builds without CUDA makes the image some gigabytes smaller; by default pip's own is asked.
ARG TORCH_INDEX=
RUN ${TORCH_INDEX:+env PIP_INDEX_URL=$TORCH_INDEX} pip install -c constraints.txt torch==2.13.0 \
    && pip install -c constraints.txt setuptools wheel ninja psutil packaging
# mmcv comes as source: 6 to 16 minutes, and up to 2 GB of memory for each job.
ARG JOBS=2
RUN CFLAGS="-g0 -O2" MAX_JOBS=${JOBS} pip install --no-build-isolation -c constraints.txt onedl-mmcv==2.3.6
COPY pyproject.toml README.md LICENSE fewframes.py ./
COPY al_core al_core
COPY configs configs
COPY flows flows
COPY tasks tasks
RUN pip install --no-build-isolation -c constraints.txt .
WORKDIR /
RUN python -c "import fewframes, mmcv.ops"

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home fewframes \
    && install --directory --owner fewframes /projects
COPY --from=build /usr/local/fewframes /usr/local/fewframes
ENV PATH=/usr/local/fewframes/bin:$PATH PYTHONUNBUFFERED=1
# By number, so that an orchestrator can tell that it is not root.
USER 10001
WORKDIR /projects
VOLUME /projects
EXPOSE 8600
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8600/healthz', timeout=4)"]
ENTRYPOINT ["fewframes"]
CMD ["serve", "/projects", "--host", "0.0.0.0", "--without-tls"]
