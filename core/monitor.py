"""Serves /healthz, /livez and /metrics over HTTP, in the bot and in the worker.

/healthz is for people and alerts: it is red for whatever is broken, and says which part. /livez is
for what restarts a process: it is red only for what a restart mends.

It knows neither of them: what is checked and what is counted is handed in. starlette, uvicorn
and prometheus-client are imported when they are needed, so that nothing is paid elsewhere.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from core.errors import LyricbotError, SettingsError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

Check = Callable[[], Awaitable[None]]  # raises if what it checks is broken
LIMIT = 5.0  # seconds that a check may take
OK = "ok"


@asynccontextmanager
async def monitor(
    address: tuple[str, int],
    checks: Mapping[str, Check],
    registry: "CollectorRegistry",
    routes: "Sequence[Route]" = (),
    *,
    vital: Collection[str] = (),
) -> AsyncIterator[int]:
    """Serve at `address` until the context is left; its port, which for 0 the system chooses.

    /healthz answers 200 if all checks pass, else 503, and what each came to; /livez does so for
    the checks named in `vital` alone; /metrics answers what is in `registry`; `routes` are what
    else there is.

    Raises:
        SettingsError: where that address cannot be listened at.
    """
    from uvicorn import Config, Server

    listening = await _listen(*address)
    checking = _Checking(checks)
    config = Config(
        _application(checking, vital, registry, routes),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    # Not Server.serve: it takes the signals, which its caller has handlers for, and needs a task
    # of its own, while a context may be entered in one task and left in another.
    await server.startup(sockets=[listening])
    try:
        yield int(listening.getsockname()[1])
    finally:
        await server.shutdown(sockets=[listening])
        await checking.close()


def process_registry() -> "CollectorRegistry":
    """A registry of what this process costs, to which a caller may add."""
    from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


async def _listen(host: str, port: int) -> socket.socket:
    """A socket at the address; of a name's addresses, at that of IPv4 if there is one."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(place, family=family, dualstack_ipv6=both)
    except OSError as error:
        shown = f"[{host}]" if ":" in host else host
        raise SettingsError(
            f"LYRICBOT_HTTP: {shown}:{port} cannot be listened at ({error.strerror}). "
            "Choose another port or address."
        ) from error


def _application(
    checking: "_Checking",
    vital: Collection[str],
    registry: "CollectorRegistry",
    routes: "Sequence[Route]",
) -> "Starlette":
    from prometheus_client.exposition import choose_encoder
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def answer(names: Collection[str]) -> "Response":
        outcomes = await checking.outcomes(names)
        sound = all(outcome == OK for outcome in outcomes.values())
        return JSONResponse(
            {"status": OK if sound else "broken", "checks": outcomes},
            status_code=200 if sound else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def healthz(_request: "Request") -> "Response":
        return await answer(checking.names)

    async def livez(_request: "Request") -> "Response":
        return await answer(vital)

    async def metrics(request: "Request") -> "Response":
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": kind})

    named = (("/healthz", healthz), ("/livez", livez), ("/metrics", metrics))
    return Starlette(routes=[*(Route(path, one) for path, one in named), *routes])


class _Checking:
    """Runs checks. One that hangs is not begun again: each would keep a thread of its own busy."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._running: dict[str, asyncio.Future[None]] = {}

    @property
    def names(self) -> Collection[str]:
        return self._checks.keys()

    async def outcomes(self, names: Collection[str]) -> dict[str, str]:
        """What each comes to, within LIMIT."""
        found = await asyncio.gather(*(self._outcome(name) for name in names))
        return dict(zip(names, found, strict=True))

    async def close(self) -> None:
        """Give up what still runs."""
        for one in self._running.values():
            one.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _outcome(self, name: str) -> str:
        """OK, or in one line what is broken.

        Only the project's own errors are quoted: their text is made for people, without secrets.
        """
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = asyncio.ensure_future(self._checks[name]())
            running.add_done_callback(lambda one: one.cancelled() or one.exception())
        await asyncio.wait((running,), timeout=LIMIT)
        if not running.done():
            return f"no answer in {LIMIT:g} s"  # whoever asks next is told how it ended
        self._running.pop(name, None)
        error = None if running.cancelled() else running.exception()
        if isinstance(error, LyricbotError):
            return " ".join(str(error).split())
        return OK if error is None and not running.cancelled() else type(error).__name__
