"""A process that takes one message of the topic `work`, says which, and never acks it."""

import asyncio
import json
import sys

from geppetto.events.transports.nats import NatsTransport
from geppetto.events.transports.redis import RedisTransport


async def main(url: str, options: dict[str, float]) -> None:
    kind = NatsTransport if url.startswith("nats") else RedisTransport
    transport = await kind.connect(url, **options)
    async with transport.subscribe("work", group="workers") as subscription:
        message = await anext(subscription)
        print(message.payload.decode(), flush=True)
        await asyncio.sleep(60)


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
