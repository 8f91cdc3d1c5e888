"""wsgidav on cheroot as a process of its own: prints its port once it listens, and runs until it is killed.

Its only argument is a JSON object: folder, users (name to password, or null for anybody), digest, certificate.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")  # of wsgidav's own imports: not what a test is about

from cheroot.ssl.builtin import BuiltinSSLAdapter  # noqa: E402
from cheroot.wsgi import Server  # noqa: E402
from wsgidav.wsgidav_app import WsgiDAVApp  # type: ignore[import-untyped]  # noqa: E402


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[1])
    users = asked["users"]
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": {"root": asked["folder"]}},
            "simple_dc": {
                "user_mapping": {
                    "*": {name: {"password": password} for name, password in users.items()} if users else True
                }
            },
            "http_authenticator": {
                "accept_basic": not asked["digest"],
                "accept_digest": asked["digest"],
                "default_to_digest": asked["digest"],
            },
            "property_manager": False,
            "lock_storage": True,
            "verbose": 1,
            "logging": {"enable": False},
        }
    )
    server = Server(("127.0.0.1", 0), app, numthreads=20)
    if asked["certificate"]:
        server.ssl_adapter = BuiltinSSLAdapter(asked["certificate"], asked["certificate"])
    server.prepare()
    print(server.bind_addr[1], flush=True)
    server.serve()


if __name__ == "__main__":
    main()
