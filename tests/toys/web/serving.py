"""A real server on a free loopback port, in a thread of the test's process."""

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from al_core.ledger.file.ledger_clock import system_time
from al_core.ledger.file.owner import Owner, remove_owner, write_owner
from al_core.ledger.file.signature import Signature
from al_core.ledger.store import Ledger
from tasks.web.app import create_app
from tasks.web.state import WebContext


@contextmanager
def served(project, port=0, ledger=None, clock=system_time, **options):
    """Own a project's ledger and serve it until the block ends; yields the context and the noted owner.

    Args:
        ledger: another one than the project's own to answer for.
        clock: what the project's own goes by.
        options: further fields of the context.
    """
    own = Ledger(project.ledger_path, patience=10, clock=clock)
    with own.owned(), socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        context = WebContext(project, ledger or own, **options)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        owner = Owner(Signature.of(project.ledger_path), url, context.secret, context.instance)
        config = uvicorn.Config(create_app(context), log_config=None, proxy_headers=False, timeout_keep_alive=30)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        write_owner(project.ledger_path, owner)
        try:
            yield context, owner
        finally:
            remove_owner(project.ledger_path, owner)
            server.should_exit = True
            thread.join()
