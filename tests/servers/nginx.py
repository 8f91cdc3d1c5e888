"""A real nginx that takes uploads, by its own DAV module and by nginx-dav-ext."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sparkmesos_core.master import HostPort

_MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")
_CONFIGURATION = """\
{modules}
{user}
daemon off;
worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log {state}/access.log;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    lingering_time 30s;
    server {{
        listen {address}{tls};
        root {folder};
        client_max_body_size {limit};
        {certificate}
        {authentication}
        location / {{ {methods} }}
        {more}
    }}
}}
"""


def nginx_program() -> str:
    """The path of nginx with its DAV modules; skips the test without, or fails it with CI=true."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None or not _MODULE.exists():
        reason = "no nginx with DAV: apt-get install nginx-light libnginx-mod-http-dav-ext"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@contextmanager
def nginx_server(
    folder: Path,
    state: Path,
    *,
    webdav: bool = False,
    users: Mapping[str, str] | None = None,
    token: str | None = None,
    certificate: Path | None = None,
    max_body: int = 0,
    more: str = "",
    prefix: Sequence[str] = (),
) -> Iterator[HostPort]:
    """Serve a folder until the block ends; its address. `state` is an empty folder of nginx' own.

    It does GET with ranges, HEAD, PUT and DELETE, and makes the folders of a PUT; with `webdav` also MKCOL,
    MOVE and PROPFIND. `users` (name to password, basic authentication) or a bearer `token` are asked for;
    `certificate` is a PEM file with the key in it: https then. PUTs above `max_body` bytes are refused with
    413; 0: none. `more` is configuration of the server block, `prefix` a command that starts nginx, as of
    small_disk.
    """
    program = nginx_program()
    (state / "body").mkdir()
    methods = "dav_methods PUT DELETE; create_full_put_path on;"
    if webdav:
        methods = (
            "dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; "
            "create_full_put_path on;"
        )
    authentication = ""
    if users:
        _write_passwords(state / "users", users)
        authentication = f"auth_basic uploads; auth_basic_user_file {state}/users;"
    if token:
        authentication = f'if ($http_authorization != "Bearer {token}") {{ return 401; }}'
    # nginx cannot choose a free port, but it takes over sockets that it is told of: no port is ever lost.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        address = HostPort("127.0.0.1", listening.getsockname()[1])
        (state / "nginx.conf").write_text(
            _CONFIGURATION.format(
                modules=f"load_module {_MODULE};",
                user="user root;" if os.geteuid() == 0 else "",
                state=state,
                address=address,
                tls=" ssl" if certificate else "",
                folder=folder,
                limit=max_body,
                certificate=(
                    f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
                    if certificate
                    else ""
                ),
                authentication=authentication,
                methods=methods,
                more=more,
            )
        )
        process = subprocess.Popen(
            [
                *prefix,
                program,
                "-p",
                str(state),
                "-e",
                str(state / "error.log"),
                "-c",
                str(state / "nginx.conf"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(listening.fileno(),),
            env={**os.environ, "NGINX": f"{listening.fileno()};"},
        )
    # From here on only nginx has the socket: if it does not start, connections are refused.
    try:
        yield address
    finally:
        # The master takes its worker along, at once; killed itself, it would leave it behind.
        process.terminate()
        process.wait(30)


def _write_passwords(path: Path, users: Mapping[str, str]) -> None:
    # Hashed, since in this file a colon ends a password.
    hashed = {name: base64.b64encode(hashlib.sha1(word.encode()).digest()) for name, word in users.items()}
    path.write_text("".join(f"{name}:{{SHA}}{word.decode()}\n" for name, word in hashed.items()))
