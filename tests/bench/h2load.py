"""The load generator of nghttp2: far cheaper than what it measures, for gRPC and for HTTP/1.1."""

import asyncio
import re
import shutil
from pathlib import Path

from tests.bench.load import SECONDS, WARM_UP_SECONDS, Sample, Target, WrongAnswerError, percentiles

PROGRAM = shutil.which("h2load")

_GRPC_HEADERS = (("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "10S"))
_RATE = re.compile(r"finished in .*?, ([\d.]+) req/s")
_COUNTS = re.compile(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
_DATA = re.compile(r"\((\d+)\) data")


class H2load:
    """Keeps its files in folder."""

    name = "h2load"

    def __init__(self, folder: Path) -> None:
        self._message = folder / "message"
        self._times = folder / "times"

    async def __call__(self, target: Target) -> Sample:
        self._times.unlink(missing_ok=True)
        if target.message is not None:
            self._message.write_bytes(framed(target.message))
        process = await asyncio.create_subprocess_exec(
            *self._command(target), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            said, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        return self._sample(target, said.decode())

    def _command(self, target: Target) -> list[str]:
        assert PROGRAM is not None
        command = [PROGRAM, "-D", _milliseconds(SECONDS), "--warm-up-time", _milliseconds(WARM_UP_SECONDS)]
        command += ["--log-file", str(self._times)]
        if target.message is None:
            # HTTP/1.1 without pipelining, which no peer does: as many connections as requests in flight.
            command += ["--h1", "-c", str(target.in_flight)]
            headers = target.headers
        else:
            command += ["-c", str(target.connections), "-m", str(target.streams), "-d", str(self._message)]
            headers = (*_GRPC_HEADERS, *target.headers)
        for name, value in headers:
            command += ["-H", f"{name}: {value}"]
        return [*command, target.url]

    def _sample(self, target: Target, said: str) -> Sample:
        rate, counts, data = _RATE.search(said), _COUNTS.search(said), _DATA.search(said)
        if rate is None or counts is None or data is None:
            raise WrongAnswerError(f"{target.name}: {said[-500:]}")
        done, succeeded, failed, errored, late = map(int, counts.groups())
        if failed + errored + late or succeeded < done or int(data[1]) < 0.9 * target.size * done:
            raise WrongAnswerError(f"{target.name}: answers are missing or are refusals: {counts[0]}, {data[0]}")
        p50, p99 = percentiles([int(line.split("\t")[2]) / 1000 for line in self._times.read_text().splitlines()])
        return Sample(float(rate[1]) * target.units, p50, p99)


def framed(message: bytes) -> bytes:
    """A message as gRPC sends it: not compressed, its length in four bytes."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _milliseconds(seconds: float) -> str:
    """A duration as h2load reads it: not with a decimal point."""
    return f"{seconds * 1000:.0f}ms"
