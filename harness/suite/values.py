"""Published values as a reader writes them: ``93.51 ± 0.13``, ``54.30``, ``0.0541``."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from harness.text import brief

_NUMBER = r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,3})?"
_VALUE = re.compile(rf"^\s*({_NUMBER})\s*(?:(?:±|\+-|\+/-)\s*({_NUMBER}))?\s*$")


class Published(BaseModel):
    """One printed number: mean, std where printed, and the text, which also tells the number of decimals."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    text: str
    mean: float
    std: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return data
        text = getattr(data, "text", str(data)).strip()
        match = _VALUE.match(text)
        if not match or isinstance(data, bool) or data is None:
            raise ValueError(f"not a published value: {brief(text)}; write it like '93.51 ± 0.13' or '54.30'")
        mean, std = match.groups()
        return {"text": text, "mean": float(mean), "std": None if std is None else abs(float(std))}

    @property
    def printed(self) -> tuple[str, str]:
        """The mean and the std as printed, each with its decimals; an empty text where there is no std."""
        mean, _, std = re.sub(r"\+/-|\+-", "±", self.text).partition("±")
        return mean.strip(), std.strip()

    @property
    def decimals(self) -> int:
        """Number of decimals of the printed mean."""
        return len(self.printed[0].partition(".")[2])
