"""Broken requests to a real model server: none may get a 5xx, and none may end it.

Usage: python benchmarks/fuzz_bodies.py [--bodies 2500] [--seed 1] [--servable FOLDER] [--json FILE]

It packages the model of `benchmarks/serving.py`, starts one `python -m sagelens.serving` on loopback, and sends so many bodies of
each media type, made from good ones: bytes flipped, cut, repeated and joined, values put in the place of others, encodings
and headers that do not fit. A server that answers what is wrong with a request says 4xx; a 5xx, an answer that never comes, or a
process that ends is a finding, with the body that led to it kept below the temporary folder. Prints the figures, and exits with 1
on a finding.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

TIMEOUT = 20  # seconds for one answer
MEDIA = ("application/json", "application/jsonlines", "text/csv", "application/x-parquet", "application/vnd.apache.arrow.stream")
ACCEPTS = (
    "",
    "*/*",
    "text/*",
    "application/json;q=0",
    "application/json;q=x",
    ";;,",
    "a/b",
    "text/csv",
    "é",
    "application/x-parquet",
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 2**53 + 1, 10**400, "", " ", "\x00", "\ud800", "é" * 300, "NaN", "1_000"),
    *([], {}, [1], {"a": 1}, "2013-01-01", "x" * 70_000),
)
ODD_TEXT = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 3000,
    b'"\\ud800"',
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00",
)


@dataclass
class Findings:
    statuses: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=2500, help="of each media type")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servable", type=Path, help="a packaged model")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    from serving import package

    with tempfile.TemporaryDirectory(prefix="sagelens-fuzz-") as folder:
        servable = (given.servable or package(Path(folder))).resolve()
        found = {media: fuzz(servable, media, given.bodies, given.seed) for media in MEDIA}
    figures = {
        media: {
            "statuses": dict(sorted(result.statuses.items())),
            "slowest_s": round(result.slowest, 3),
            "problems": result.problems,
        }
        for media, result in found.items()
    }
    text = json.dumps(figures, indent=1)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)
    print(table(found))
    sys.exit(any(result.problems for result in found.values()))


def table(found: dict[str, Findings]) -> str:
    lines = ["| media type | bodies | 200 | 4xx | 5xx | deaths | slowest, s |", "|---|---|---|---|---|---|---|"]
    for media, result in found.items():
        by_class = Counter({status // 100: 0 for status in (200, 400, 500)})
        for status, count in result.statuses.items():
            by_class[status // 100] += count
        deaths = sum("ended" in problem for problem in result.problems)
        total = sum(result.statuses.values()) + deaths
        lines.append(f"| {media} | {total} | {by_class[2]} | {by_class[4]} | {by_class[5]} | {deaths} | {result.slowest:.3f} |")
    return "\n".join(lines)


def fuzz(servable: Path, media: str, bodies: int, seed: int) -> Findings:
    """So many broken bodies of one media type to a server of their own, which is started again if it ends."""
    chance = random.Random(f"{seed} {media}")
    good = good_bodies(servable, media)
    found, left = Findings(), bodies
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="sagelens-fuzz-") as root, server(servable, Path(root)) as (process, port):
            while left > 0 and process.poll() is None:
                left -= 1
                body, headers = broken(chance, good, media)
                send(port, body, headers, found)
                if process.poll() is not None or not answers_ping(port):
                    code = process.poll()
                    found.problems.append(f"{media}: the server ended ({code}) on {body[:200]!r}")
                    keep(media, body)
                    break
    return found


def send(port: int, body: bytes, headers: dict[str, str], found: Findings) -> None:
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(
            "POST", "/invocations", body, {name: value.encode("utf-8", "ignore") for name, value in headers.items()}
        )
        answer = connection.getresponse()
        said = answer.read()
        found.statuses[answer.status] += 1
        if answer.status >= 500:
            found.problems.append(f"{headers}: {answer.status} {said[:200]!r} to {body[:200]!r}")
            keep(headers["Content-Type"], body)
    except OSError as error:
        found.problems.append(f"{headers}: no answer ({error!r}) to {body[:200]!r}")
    finally:
        connection.close()
        found.slowest = max(found.slowest, time.perf_counter() - started)


def keep(media: str, body: bytes) -> None:
    """What led to a finding, for a look."""
    folder = Path(tempfile.gettempdir(), "sagelens-fuzz-findings")
    folder.mkdir(exist_ok=True)
    (folder / f"{media.replace('/', '-')}-{abs(hash(body)):x}.bin").write_bytes(body)


def answers_ping(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def server(servable: Path, root: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    import socket

    from serving import wait_for

    (root / "opt" / "ml").mkdir(parents=True)
    (root / "opt" / "ml" / "model").symlink_to(servable)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    variables = {"SAGELENS_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": str(port), "PYTHONPATH": f"{servable / 'code'}:{ROOT}"}
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sagelens.serving"], env={**os.environ, **variables}, cwd=root, stdout=log, stderr=log
        )
        try:
            wait_for(port, process)
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def good_bodies(servable: Path, media: str) -> list[bytes]:
    """Requests that are answered, of one row and of all golden rows."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [json.loads(line)["row"] for line in (servable / "golden.jsonl").read_bytes().splitlines()]
    columns = list(rows[0])
    cells = [",".join("" if row[name] is None else str(row[name]) for name in columns) for row in rows]
    columnar = pa.table({name: pa.array([row[name] for row in rows]) for name in columns})
    coded = columnar.set_column(
        columns.index(next(name for name in columns if isinstance(rows[0][name], str))),
        next(name for name in columns if isinstance(rows[0][name], str)),
        columnar.column(next(name for name in columns if isinstance(rows[0][name], str))).dictionary_encode(),
    )
    makers: dict[str, Callable[[], list[bytes]]] = {
        MEDIA[0]: lambda: [json.dumps({"instances": rows}).encode(), json.dumps(rows[0]).encode()],
        MEDIA[1]: lambda: ["\n".join(map(json.dumps, rows)).encode(), json.dumps(rows[0]).encode()],
        MEDIA[2]: lambda: ["\n".join([",".join(columns), *cells]).encode(), cells[0].encode()],
        MEDIA[3]: lambda: [
            _parquet(parquet, made, codec) for made in (columnar, columnar.slice(0, 1)) for codec in ("snappy", "none")
        ],
        MEDIA[4]: lambda: [_stream(pa, made, codec) for made in (columnar, coded) for codec in (None, "zstd", "lz4")],
    }
    return makers[media]()


def _parquet(parquet: Any, table: Any, codec: str) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression=codec)
    return sink.getvalue()


def _stream(pa: Any, table: Any, codec: str | None) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as stream:
        stream.write_table(table)
    return sink.getvalue()


def broken(chance: random.Random, good: Sequence[bytes], media: str) -> tuple[bytes, dict[str, str]]:
    """A body that was good, and its headers, mutated one to four times."""
    body = chance.choice(good)
    if media in MEDIA[:2] and chance.random() < 0.5:
        body = _other_values(chance, body, media)
    else:
        for _ in range(chance.randint(1, 4)):
            body = chance.choice(MUTATIONS)(chance, body)
    headers = {"Content-Type": media}
    if chance.random() < 0.2:
        headers["Accept"] = chance.choice(ACCEPTS)
    if chance.random() < 0.05:
        headers["Content-Type"] = chance.choice((*MEDIA, "text/html", "", f"{media}; charset=utf-16"))
    return body, headers


def _other_values(chance: random.Random, body: bytes, media: str) -> bytes:
    """Rows in which fields hold what they must not, lack, or are unknown."""
    line = body.splitlines()[0] if media == MEDIA[1] else body
    content = json.loads(line)
    row = content["instances"][0] if "instances" in content else content
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([*row, "unknown", ""])
        if chance.random() < 0.2:
            row.pop(name, None)
        else:
            row[name] = chance.choice(ODD)
    try:
        return json.dumps(content, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except ValueError:  # more digits than Python writes
        return b'{"instances": [{"distance": ' + b"9" * 6000 + b"}]}"


def _flip(chance: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(changed)


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _repeat(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    part = body[start : start + chance.randint(1, 200)]
    return body[:start] + part * chance.randint(2, 40) + body[start:]


def _remove(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    return body[:start] + body[start + chance.randint(1, 64) :]


def _insert(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    return body[:start] + chance.choice(ODD_TEXT) + body[start:]


def _large_number(chance: random.Random, body: bytes) -> bytes:
    """Four or eight bytes that a length or an offset may be."""
    size = chance.choice((4, 8))
    if len(body) < size:
        return body
    start = chance.randrange(0, len(body) - size + 1, 4) if len(body) > 8 else 0
    value = (
        chance.choice((2**31 - 1, 2**31, 2**16, 0, 2**32 - 1))
        if size == 4
        else chance.choice((2**63 - 1, 2**40, 2**33, 2**64 - 1))
    )
    return body[:start] + value.to_bytes(size, "little") + body[start + size :]


def _join(chance: random.Random, body: bytes) -> bytes:
    return body + body[chance.randrange(len(body) + 1) :]


MUTATIONS = (_flip, _flip, _cut, _repeat, _remove, _insert, _large_number, _large_number, _join)


if __name__ == "__main__":
    main()
