"""A model server in one file, for the tests: it answers with what its model folder says.

In the folder: `answer.txt` is the answer; `ping.txt`, `status.txt`, `delay.txt` change how it behaves.
A body of `pid` is answered with the process's id, `headers` with the head of the request, `die` by dying.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

MODEL = Path(os.environ["SAGELENS_ROOT"] + "/opt/ml/model")


def setting(name: str, default: str) -> str:
    path = MODEL / f"{name}.txt"
    return path.read_text() if path.exists() else default


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            break
        length = re.search(rb"content-length: (\d+)", head.lower())
        body = await reader.readexactly(int(length.group(1)) if length else 0)
        status, answer = await answered(head, body)
        headers = f"Content-Type: text/plain\r\nX-Amzn-SageMaker-Custom-Attributes: seen\r\nContent-Length: {len(answer)}"
        writer.write(f"HTTP/1.1 {status} X\r\n{headers}\r\n\r\n".encode() + answer)
        await writer.drain()
    writer.close()


async def answered(head: bytes, body: bytes) -> tuple[int, bytes]:
    if head.startswith(b"GET /ping"):
        return int(setting("ping", "200")), b""
    await asyncio.sleep(float(setting("delay", "0")))
    if body == b"pid":
        return 200, str(os.getpid()).encode()
    if body == b"headers":
        return 200, head
    if body == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    return int(setting("status", "200")), setting("answer", "").encode()


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]), limit=2**26)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    if setting("start", "yes") == "no":
        raise SystemExit(3)
    asyncio.run(main())
