"""What a scrape of /metrics says, as a scraper reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Metrics:
    """kinds by name, as the page calls them; samples by name and labels."""

    text: str
    kinds: Mapping[str, str]
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def read(cls, text: str) -> "Metrics":
        families = list(text_string_to_metric_families(text))
        return cls(
            text,
            {f"{each.name}_total" if each.type == "counter" else each.name: each.type for each in families},
            {(one.name, frozenset(one.labels.items())): one.value for each in families for one in each.samples},
        )

    def value(self, name: str, **labels: Any) -> float:
        """Zero if there is no such sample."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> list[dict[str, str]]:
        return [dict(labels) for sample, labels in self.samples if sample == name]

    @property
    def series(self) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        return set(self.samples)
