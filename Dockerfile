# Two images. `bot` serves Telegram and has no torch; `trainer` trains, and can all that `bot` can.
#
#   docker build --target bot -t lyricbot-bot .
#   docker build --target trainer -t lyricbot-trainer .       # torch for the CPU
#   docker build --target trainer -t lyricbot-trainer:cuda \
#       --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
#   docker build --target trainer -t lyricbot-trainer:rocm \
#       --build-arg TORCH_INDEX=https://download.pytorch.org/whl/rocm6.4 .
#
# TORCH_VERSION is that of constraints.txt; an index that lacks it wants --build-arg TORCH_VERSION.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    MPLCONFIGDIR=/tmp/matplotlib
# The number is fixed, so that both images can write what the volumes hold; and by it, not by a
# name, whoever runs the image can see that it is not root's.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /srv/lyricbot lyricbot \
    && install -d -m 0700 -o lyricbot -g lyricbot \
        /srv/lyricbot /srv/lyricbot/data /srv/lyricbot/data/state /srv/lyricbot/checkpoints
WORKDIR /srv/lyricbot
VOLUME ["/srv/lyricbot/data/state", "/srv/lyricbot/checkpoints"]
ENTRYPOINT ["lyricbot"]
# Asks nothing where LYRICBOT_HTTP is unset. slim has no curl; and a proxy would not find us.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os; from urllib.request import ProxyHandler, build_opener; os.environ.get('LYRICBOT_HTTP') and build_opener(ProxyHandler({})).open('http://127.0.0.1:8080/livez', timeout=8)"]

FROM base AS trainer
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_VERSION=
# torch comes first and by its exact version, so that an index of its own serves it alone; the pins
# of the rest must not hold another. An empty TORCH_INDEX is PyPI.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    torch="torch==${TORCH_VERSION:-$(sed -n 's/^torch==//p' /constraints.txt)}" \
    && grep -v '^torch==' /constraints.txt > /tmp/pins.txt \
    && pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$torch" \
    && pip install --constraint /tmp/pins.txt "$torch" "$(echo /wheels/*.whl)[train,s3]" \
    && rm /tmp/pins.txt
USER 10001
CMD ["worker"]

# Last, so that it is what a build without a target makes.
FROM base AS bot
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip install --constraint /constraints.txt "$(echo /wheels/*.whl)[s3]"
USER 10001
CMD ["bot"]
