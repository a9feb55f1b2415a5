# llm-audit with its model inside: it needs no network when it runs, and no root. How to use it: docs/operations/container.md.
# `python -m tools.image FOLDER` runs the steps of this file where there is no container engine; the tests do the same.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python -m venv /opt/llm-audit/venv
COPY pyproject.toml README.md LICENSE ./
COPY audit audit
COPY detectors detectors
COPY reports reports
RUN /opt/llm-audit/venv/bin/pip install --quiet .
# What is fetched is its owner's alone; here another user runs the program.
RUN LLM_AUDIT_CACHE=/opt/llm-audit/cache /opt/llm-audit/venv/bin/llm-audit models get \
    && chmod -R a+rX /opt/llm-audit/cache

FROM python:${PYTHON}-slim
COPY --from=build /opt/llm-audit /opt/llm-audit
ENV PATH=/opt/llm-audit/venv/bin:${PATH} LLM_AUDIT_CACHE=/opt/llm-audit/cache LLM_AUDIT_DATA=/tmp/llm-audit HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
# A number, so that `runAsNonRoot` of Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8417
HEALTHCHECK --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8417/healthz')"]
ENTRYPOINT ["llm-audit"]
# Others can reach 0.0.0.0: without LLM_AUDIT_TOKEN it refuses to start.
CMD ["serve", "--host", "0.0.0.0", "--offline"]
