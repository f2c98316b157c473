"""A nursery whose processes write down what they have imported themselves, into the file $LATE_IMPORTS."""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from geppetto.runs import host, nursery

live, leave = host.live, os._exit


def watched_live(*, forked: bool) -> NoReturn:
    before = set(sys.modules)

    def write_and_leave(code: int) -> NoReturn:
        late = sorted(set(sys.modules) - before)
        Path(os.environ["LATE_IMPORTS"]).write_text(json.dumps(late), "utf-8")
        leave(code)

    os._exit = write_and_leave
    live(forked=forked)


host.live = watched_live
nursery.main(sys.argv[1:])
