"""A nursery whose processes run no script: each prints what a process must not have in common with its sisters."""

import json
import os
import random
import ssl
import sys
import tempfile
import uuid
from typing import NoReturn

from geppetto.runs import host, nursery


def live(*, forked: bool) -> NoReturn:
    said = {
        "random": random.random(),
        "uuid": str(uuid.uuid4()),
        "tempfile": tempfile.mktemp(),
        "ssl": ssl.RAND_bytes(8).hex(),
        "pid": os.getpid(),
    }
    kept = {
        "session": os.getsid(0) == os.getpid(),
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int)[:-1],  # the last is the folder's own
    }
    os.write(1, json.dumps([said, kept]).encode())
    os._exit(7)


random.random(), tempfile.mktemp()  # what there is to be seeded has been
host.live = live
nursery.main(sys.argv[1:])
