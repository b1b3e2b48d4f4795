"""Reference: a bare ASGI application that sends one prebuilt text to each socket; no GraphQL."""

import gc
import sys
from typing import Final

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

PROTOCOL: Final = "graphql-transport-ws"

latest: dict[str, str] = {}
senders: dict[str, set[Send]] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak just enough of the protocol for the crowd to subscribe."""
    match scope["type"]:
        case "lifespan":
            await _live(receive, send)
        case "http":
            await _take(scope["path"], receive, send)
        case _:
            await _converse(receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _take(path: str, receive: Receive, send: Send) -> None:
    body = (await receive()).get("body", b"")
    if path == "/publish":
        await _publish(body)
    elif path == "/collect":
        gc.collect()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


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
        log_level="error",
        backlog=4096,
    )
    uvicorn.Server(config).run()
