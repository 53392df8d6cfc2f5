# One image for every process of the system; the command says which: `chassis.run accounts`, `gateway`, `operations.commands …`.

FROM python:3.11.13-slim-bookworm AS libraries

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

COPY requirements.lock /requirements.lock
RUN python -m venv /opt/emplois \
    && /opt/emplois/bin/pip install --require-hashes --requirement /requirements.lock


FROM python:3.11.13-slim-bookworm

ENV PATH=/opt/emplois/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Volumes take over the owner of the folder that they cover.
RUN groupadd --gid 10001 emplois \
    && useradd --uid 10001 --gid emplois --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin emplois \
    && install --directory --owner=emplois --group=emplois /var/lib/emplois/files /var/lib/emplois/mails

COPY --from=libraries /opt/emplois /opt/emplois

WORKDIR /app
COPY contracts contracts
COPY chassis chassis
COPY services services
COPY gateway gateway
COPY operations operations
COPY deploy deploy
RUN python -m compileall -q .

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001

HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["python", "deploy/ready.py"]

ENTRYPOINT ["python", "-m"]
CMD ["gateway"]
