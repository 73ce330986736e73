# docker build -t paperd . && docker run --rm -v paperd:/var/lib/paperd paperd

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/paperd
COPY requirements/build.txt requirements/base.txt requirements/
RUN /opt/build/bin/pip install -q --no-deps --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/paperd/bin/python install -q --no-deps --require-hashes -r requirements/base.txt
COPY pyproject.toml README.md LICENSE ./
COPY daemon daemon
RUN /opt/build/bin/pip wheel -q --no-deps --no-build-isolation -w /tmp/wheels . \
 && /opt/build/bin/pip --python /opt/paperd/bin/python install -q --no-deps /tmp/wheels/paperd-*.whl

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/paperd --shell /usr/sbin/nologin paperd \
 && install -d -o paperd -g paperd -m 0700 /var/lib/paperd
COPY --from=build /opt/paperd /opt/paperd
COPY config/paperd.yaml /etc/paperd/paperd.yaml
ENV PATH=/opt/paperd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STATE_DIRECTORY=/var/lib/paperd
USER paperd
WORKDIR /var/lib/paperd
VOLUME /var/lib/paperd
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["paperd", "status"]
# The exec form makes the daemon process 1: SIGTERM reaches it, and it waits for its own children.
ENTRYPOINT ["paperd"]
CMD ["run", "-c", "/etc/paperd/paperd.yaml"]
