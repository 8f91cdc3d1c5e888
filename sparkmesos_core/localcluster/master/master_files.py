"""What a master's `/files` endpoints serve: its log, as `/master/log`, if it writes one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sparkmesos_core.localcluster.http_answers import json_answer, json_bytes, not_found, text_answer
from sparkmesos_core.localcluster.served_files import FilesRefused, download_file, read_file

LOG_PATH = "/master/log"


class MasterFiles:
    """Answers requests for the log; `log` is None if there is none."""

    def __init__(self, log: Path | None) -> None:
        self.log = log

    async def answer(self, request: Request, path: str) -> Response:
        """The answer to a GET of `/files/...`."""
        try:
            match path:
                case "/files/browse":
                    self._file(request)
                    raise FilesRefused(404, "")  # there is no folder
                case "/files/debug":
                    return json_answer(request, {LOG_PATH: str(self.log)} if self.log is not None else {})
                case "/files/download":
                    return await self._download(self._file(request))
                case "/files/read":
                    return await self._read(self._file(request), request)
        except FilesRefused as refused:
            return text_answer(refused.status, refused.text)
        except OSError as error:
            return text_answer(500, f"Cannot read the file: {error.strerror}")
        return not_found()

    def _file(self, request: Request) -> Path:
        path = request.query_params.get("path")
        if not path:
            raise FilesRefused(400, "Expecting 'path=value' in query.\n")
        if self.log is None or path != LOG_PATH:
            raise FilesRefused(404, "")
        return self.log

    async def _read(self, file: Path, request: Request) -> Response:
        query = request.query_params
        body = await asyncio.to_thread(read_file, file, query.get("offset"), query.get("length"))
        return json_bytes(request, body)

    async def _download(self, file: Path) -> Response:
        name, size, pieces = await asyncio.to_thread(download_file, file)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename={quote(name)}",
            "Content-Length": str(size),
        }
        return StreamingResponse(pieces, headers=headers)
