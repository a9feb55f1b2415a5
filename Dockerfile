# llm-audit with its model inside: it needs no network when it runs, and no root. How to use it: docs/operations/container.md.
# tests/pipelines/test_container.py runs the steps of this file one by one, where there is no container engine.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# Where pip finds PyTorch's build for CPUs, which needs a tenth of the space.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python -m venv /opt/llm-audit/venv
# torch first and by exact version, in a layer of its own: it seldom changes, and a range would pull gigabytes of CUDA.
RUN PIP_EXTRA_INDEX_URL=${TORCH_INDEX} /opt/llm-audit/venv/bin/pip install --quiet torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY audit audit
COPY detectors detectors
COPY reports reports
RUN /opt/llm-audit/venv/bin/pip install --quiet .
RUN LLM_AUDIT_CACHE=/opt/llm-audit/cache /opt/llm-audit/venv/bin/llm-audit models get

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
