"""`python -m sandbox.alipay`: the local Alipay alone."""

from pathlib import Path

import click

from sandbox.alipay import server


@click.command(help="Run a local Alipay: gateway, cashier, notifies and bills.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8088, show_default=True)
@click.option("--time-scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
@click.option("--notify-workers", type=click.IntRange(1, 64), default=4, show_default=True)
def main(data_dir: Path, host: str, port: int, time_scale: float, notify_workers: int) -> None:
    try:
        server.serve(server.Options(data_dir, host, port, time_scale, notify_workers))
    except server.InUseError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
