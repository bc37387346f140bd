"""A home with toy eyes behind the service's real doors, in a process of its own. Prints its port."""

import socket
import sys

import uvicorn

from countenance.app.home import open_home
from countenance.service.app import Serving, application
from support.disk_home import toy_eyes

with toy_eyes(), socket.socket() as listening:
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    home = open_home(sys.argv[1])
    app = application(home, Serving(sys.argv[1], ("127.0.0.1",), secure=False))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listening])
