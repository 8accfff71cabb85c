"""`pen spec`: the pen's technical parameters, read from the constants the code obeys."""

import typer

from .options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def spec(json_: Json = False) -> None:
        """Technical parameters of the pen, read from the constants that its own code obeys."""
        from ..spec import spec_json, spec_rows, spec_table

        print(spec_json(spec_rows()) if json_ else spec_table(spec_rows()))
