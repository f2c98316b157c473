"""A child that says its params and does as they tell, without V8: so that many runs cost a test little.

Params: ``lines``, how many lines to print, with ``pause`` seconds after each; ``wait_for``, a file.
"""

import json
import os
import struct
import sys
import time

VERSION, PARENT = sys.argv[1], os.getppid()


def send(**message: object) -> None:
    body = json.dumps(message).encode()
    os.write(1, struct.pack(">I", len(body)) + body)


send(kind="hello", protocol=1, version=VERSION, pid=os.getpid())
head = sys.stdin.buffer.read(4)
if len(head) < 4:
    sys.exit(0)
params = json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))["request"]["params"]
send(kind="bounds")
send(kind="console", level="log", text=json.dumps(params))
for number in range(params.get("lines", 0)):
    send(kind="console", level="log", text=f"line {number}")
    time.sleep(params.get("pause", 0))

while "wait_for" in params and not os.path.exists(params["wait_for"]) and os.getppid() == PARENT:
    time.sleep(0.02)
send(kind="end", outcome="ok")
