"""Pages of what a driver has left in its sandbox, and of its logs while they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.server.pages_data import driver_address, frame_content, row
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.html_pages import html_page, size_text
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFile

SHOWN_ENTRIES = 1000
_PACKAGE = "sparkmesos_core.dispatcher.server"


class SandboxPages:
    """The part of the web UI that asks agents."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        settings: PagesSettings,
        sandboxes: Sandboxes,
        clock: Callable[[], float],
    ) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._sandboxes = sandboxes
        self._clock = clock

    async def root(self, request: Request) -> Response:
        """The sandbox, with the slash that makes it a folder."""
        driver = self._driver(request)
        return RedirectResponse(f"{driver_address(driver.id)}/files/", status_code=302)

    async def show(self, request: Request) -> Response:
        """A folder if the path ends with a slash, else the end of a file."""
        driver, path = self._driver(request), request.path_params["path"]
        follow = request.query_params.get("refresh") != "off"
        content = {
            **frame_content(self._dispatcher, self._settings, self._clock()),
            "row": row(driver, self._settings, self._clock()),
            "trail": _trail(driver, path),
            "name": path.rstrip("/").rpartition("/")[2] or "Sandbox",
            "ended": driver.state is State.FINISHED,
            "refresh": follow,
            "problem_of_agent": None,
        }
        status = 200
        try:
            if path == "" or path.endswith("/"):
                content |= await self._folder(driver, path)
            else:
                content |= await self._file(driver, path)
        except SparkMesosError as error:
            # While a driver is being launched its files are not there yet: the page waits for them.
            status = 404 if isinstance(error, NoSuchFileError) else 502
            content["problem_of_agent"] = error
        return html_page(_PACKAGE, "files.html", content, status=status, scripts=True)

    async def read(self, request: Request) -> Response:
        """What has been added to a file, for the script of the page that shows it."""
        driver, path = self._driver(request), request.path_params["path"]
        offset = request.query_params.get("offset", "0")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 16):
            raise HTTPException(400, "An offset is a number of bytes.")
        # Asked before the file is read: a driver that ends in between has perhaps written more.
        ended = driver.state is State.FINISHED
        try:
            piece = await self._sandboxes.read(driver, path, int(offset))
        except SparkMesosError as error:
            status = 404 if isinstance(error, NoSuchFileError) else 502
            return JSONResponse({"problem": error.message}, status_code=status)
        body = {
            "text": piece.text,
            "next": piece.next,
            "size": piece.size,
            "run": "" if driver.launch is None else driver.launch.task_id,
            "ended": ended,
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def download(self, request: Request) -> Response:
        """A file as it is."""
        driver, path = self._driver(request), request.path_params["path"]
        try:
            size = await self._sandboxes.size(driver, path)
        except NoSuchFileError as error:
            raise HTTPException(404, f"{error.message}.") from error
        name = quote(path.rpartition("/")[2], safe="")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            "Cache-Control": "no-store",
        }
        return StreamingResponse(self._sandboxes.download(driver, path, size), headers=headers)

    async def _folder(self, driver: Driver, path: str) -> dict[str, Any]:
        entries = await self._sandboxes.browse(driver, path)
        shown = sorted(entries, key=lambda entry: (not entry.is_folder, entry.name))[:SHOWN_ENTRIES]
        return {
            "entries": [_entry(driver, path, entry) for entry in shown],
            "entries_count": len(entries),
        }

    async def _file(self, driver: Driver, path: str) -> dict[str, Any]:
        piece = await self._sandboxes.tail(driver, path)
        address = quote(path, safe="/")
        return {
            "text": piece.text,
            "cut": piece.start > 0,
            "next": piece.next,
            "size": size_text(piece.size),
            "read": f"{driver_address(driver.id)}/read/{address}",
            "download": f"{driver_address(driver.id)}/download/{address}",
            "run": driver.launch.task_id if driver.launch is not None else "",
        }

    def _driver(self, request: Request) -> Driver:
        return known_driver(self._dispatcher, request.path_params["driver_id"])


def known_driver(dispatcher: Dispatcher, driver_id: str) -> Driver:
    """The driver of this id; HTTPException 404 if there is none."""
    driver = dispatcher.driver(driver_id)
    if driver is None:
        raise HTTPException(
            404, f"No driver {driver_id} is known here. Those that ended long ago are forgotten."
        )
    return driver


def _entry(driver: Driver, folder: str, entry: SandboxFile) -> dict[str, Any]:
    inside = quote(f"{folder}{entry.name}", safe="/")
    return {
        "name": entry.name + ("/" if entry.is_folder else ""),
        "address": f"{driver_address(driver.id)}/files/{inside}" + ("/" if entry.is_folder else ""),
        "download": "" if entry.is_folder else f"{driver_address(driver.id)}/download/{inside}",
        "size": "" if entry.is_folder else size_text(entry.size),
        "modified_at": entry.modified_at,
        "mode": entry.mode,
    }


def _trail(driver: Driver, path: str) -> list[dict[str, str]]:
    """The folders above, each with its address but the last, which is what is shown."""
    address = f"{driver_address(driver.id)}/files/"
    steps = [{"name": "sandbox", "address": address}]
    for part in path.split("/"):
        if part:
            address += quote(part, safe="") + "/"
            steps.append({"name": part, "address": address})
    steps[-1]["address"] = ""
    return steps
