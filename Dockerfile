# One image for broker and gateway; the command says which. The interpreter is the one that the tests run on.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/dev.txt requirements/
# The build tool and what it needs, out of the lock file of the developers.
RUN awk '/^[a-z]/ {wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} wanted' \
        requirements/dev.txt > build.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY broker broker
COPY gateway gateway
COPY proto proto
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY requirements/runtime.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/runtime.txt && rm /tmp/runtime.txt
COPY --from=build /wheel /wheel
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps /wheel/*.whl && rm -r /wheel
# New named volumes take owner and mode of these folders: keys are for this account only.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin broker \
    && install -d -o broker -g broker -m 0700 /data /gateway
USER broker
EXPOSE 50051 8080
ENTRYPOINT ["ocpi-broker"]
CMD ["--help"]
