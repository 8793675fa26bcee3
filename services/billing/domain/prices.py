"""What a step costs: a model's rates times the tokens it used, rounded once, half up to a micro-credit."""

from __future__ import annotations

from dataclasses import dataclass

from services.billing.domain.money import divide_half_up

_MTOK = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one model call. `prompt` includes those read from and written to the provider's cache."""

    prompt: int = 0
    completion: int = 0
    cached_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-credits for a million tokens. A dollar is 100,000,000 of them."""

    input: int
    output: int
    cached_input: int
    cache_write: int

    @classmethod
    def in_dollars(cls, prompt: str, completion: str, cached: str | None = None, written: str | None = None) -> Rates:
        """Rates from dollars for a million tokens, as providers publish them; an unnamed cache price is the input's."""
        return cls(*(_dollars(figure) for figure in (prompt, completion, cached or prompt, written or prompt)))

    def with_margin(self, percent: int) -> Rates:
        """These rates at `percent` of themselves: 120 bills a fifth on top."""
        figures = (self.input, self.output, self.cached_input, self.cache_write)
        return Rates(*(divide_half_up(figure * percent, 100) for figure in figures))

    def cost(self, usage: TokenUsage) -> int:
        """Micro-credits for one step."""
        fresh = max(0, usage.prompt - usage.cached_read - usage.cache_write)
        total = (
            fresh * self.input
            + usage.completion * self.output
            + usage.cached_read * self.cached_input
            + usage.cache_write * self.cache_write
        )
        return divide_half_up(total, _MTOK)


@dataclass(frozen=True, slots=True)
class Price:
    """One version of a model's price. `listed` is what the provider asks, `billed` what the account pays."""

    version: str
    model: str
    listed: Rates
    billed: Rates


def names_for(model: str) -> list[str]:
    """The names under which a model's price may stand, the nearest first: itself, then its family's default."""
    family, slash, _ = model.partition("/")
    return [model, f"{family}/*"] if slash else [model]


def _dollars(figure: str) -> int:
    whole, _, fraction = figure.partition(".")
    return int(whole + fraction.ljust(8, "0"))
