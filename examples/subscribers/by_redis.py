"""Prints every event of orders: `python by_redis.py URL`, of Redis or Valkey, with nothing but its client."""

import json
import sys
from base64 import b64decode
from typing import cast

from redis import Redis

redis = Redis.from_url(sys.argv[1], decode_responses=True)
queue, in_hand = "checkout.events:by_redis", "by_redis.in_hand"
pattern, same_as_regex = "order.#", r"^order\..*?$"
redis.sadd("checkout.events:_kombu.binding.checkout.events", f"{pattern}\x06\x16{same_as_regex}\x06\x16by_redis")
while redis.lmove(in_hand, queue, "LEFT", "RIGHT"):
    pass  # What it held when it was killed comes first.
while sent := cast("str", redis.blmove(queue, in_hand, 0, "RIGHT", "LEFT")):
    print(b64decode(json.loads(sent)["body"]).decode(), flush=True)
    redis.lrem(in_hand, 1, sent)
