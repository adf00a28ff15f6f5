"""The page as a part of the report: markdown to HTML, in which no text of a suite is markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup


class _Wide(RendererHTML):
    """Lets a table scroll in a frame of its own, as other pages do."""

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<div class="wide" tabindex="0">\n' + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>\n"


def rendered(markdown: str) -> Markup:
    """Return markdown as HTML; what looks like HTML in it is shown as it stands."""
    return Markup(MarkdownIt("js-default", renderer_cls=_Wide).render(markdown))
