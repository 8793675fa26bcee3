"""The page that shows the document: Swagger UI, from its Python package. Nothing is fetched from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Agent mesh</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null});
"""
_SHIPPED = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


def load_assets() -> dict[str, tuple[str, bytes]]:
    """(media type, bytes) by name."""
    shipped = {name: (kind, (_folder() / name).read_bytes()) for name, kind in _SHIPPED.items()}
    return {**shipped, "start.js": ("text/javascript", _START)}


def _folder() -> Path:
    # Not imported: the package would load a web framework's templates.
    found = find_spec("swagger_ui")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static"
