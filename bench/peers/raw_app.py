"""Reference: a bare ASGI application that sends prebuilt bytes; no GraphQL.

To each socket one text, to each POST to /graphql one body: at once, or with the word "echo" on the
command line when it has read what was posted.
"""

import gc
import sys
from typing import Final

import orjson
import uvicorn
from starlette.types import Message, Receive, Scope, Send

PROTOCOL: Final = "graphql-transport-ws"

latest: dict[str, str] = {}
senders: dict[str, set[Send]] = {}
reads: bool = "echo" in sys.argv
start: Message = {"type": "http.response.start", "status": 200, "headers": []}
answer: Message = {"type": "http.response.body", "body": b""}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak just enough of the protocol for the crowd to subscribe."""
    match scope["type"]:
        case "lifespan":
            await _live(receive, send)
        case "http" if scope["path"] == "/graphql":
            if reads:
                while (await receive()).get("more_body"):
                    pass
            await send(start)
            await send(answer)
        case "http":
            await _take(scope["path"], receive, send)
        case _:
            await _converse(receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _take(path: str, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if path == "/publish":
        await _publish(body)
    elif path == "/load":
        _load(body)
    elif path == "/collect":
        gc.collect()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def _load(body: bytes) -> None:
    """What /graphql answers from now on."""
    answer["body"] = body
    start["headers"] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]


async def _publish(body: bytes) -> None:
    topic = orjson.loads(body)["dealId"]
    text = '{"id":"1","type":"next","payload":{"data":{"stockChanged":' + body.decode() + "}}}"
    latest[topic] = text
    message = {"type": "websocket.send", "text": text}
    for send in tuple(senders.get(topic, ())):
        await send(message)


async def _converse(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
    topic = ""
    try:
        while (message := await receive())["type"] == "websocket.receive":
            told = orjson.loads(message["text"])
            if told["type"] == "connection_init":
                await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
            elif told["type"] == "subscribe":
                topic = told["payload"]["variables"]["dealIds"][0]
                senders.setdefault(topic, set()).add(send)
                if topic in latest:
                    await send({"type": "websocket.send", "text": latest[topic]})
    finally:
        senders.get(topic, set()).discard(send)


if __name__ == "__main__":
    config = uvicorn.Config(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws_per_message_deflate=False,
        access_log=False,
        server_header=False,
        log_level="error",
        backlog=4096,
    )
    uvicorn.Server(config).run()
