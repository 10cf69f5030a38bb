"""Short rounds in turn, so that what else the machine does meanwhile falls on all alike; then medians."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from tests.bench.load import Generator, Sample, Target, answer

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds. ratio is to the yardstick of the same round, spread the lowest and highest of them."""

    name: str
    rate: float
    p50: float
    p99: float
    ratio: float
    spread: tuple[float, float]


async def compare(yardstick: Target, others: Sequence[Target], generate: Generator) -> list[Figures]:
    """The yardstick first in every round. Raises WrongAnswerError if a server does not answer as it must."""
    targets = [await _checked(target) for target in (yardstick, *others)]
    samples: dict[str, list[Sample]] = {target.name: [] for target in targets}
    for _ in range(ROUNDS):
        for target in targets:
            samples[target.name].append(await generate(target))
    base = [sample.rate for sample in samples[yardstick.name]]
    return [_figures(name, found, base) for name, found in samples.items()]


async def _checked(target: Target) -> Target:
    """Asked once, twice: the first use of a token is written down, which is another path."""
    await answer(target)
    return replace(target, size=len(await answer(target)))


def _figures(name: str, samples: Sequence[Sample], base: Sequence[float]) -> Figures:
    ratios = [sample.rate / against for sample, against in zip(samples, base, strict=True)]
    return Figures(
        name,
        median(sample.rate for sample in samples),
        median(sample.p50 for sample in samples),
        median(sample.p99 for sample in samples),
        median(ratios),
        (min(ratios), max(ratios)),
    )
