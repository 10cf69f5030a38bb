# One image for broker and gateway; the command says which. The interpreter is the one that the tests run on.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY broker broker
COPY gateway gateway
COPY clients clients
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels \
    clients/python .

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY requirements/runtime.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/runtime.txt && rm /tmp/runtime.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps /wheels/*.whl && rm -r /wheels
# New named volumes take owner and mode of these folders: keys are for this account only.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin broker \
    && install -d -o broker -g broker -m 0700 /data /gateway
USER broker
EXPOSE 50051 8080 9464 9465
ENTRYPOINT ["ocpi-broker"]
CMD ["--help"]
