"""Serves /healthz and /metrics over HTTP, in the bot and in the worker, where the operator asks.

It knows neither of them: what is checked and what is counted is handed in. starlette, uvicorn and
prometheus-client are imported when they are needed, so that nothing is paid elsewhere.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
) -> AsyncIterator[int]:
    """Serve at `address` until the context is left; its port, which for 0 the system chooses.

    /healthz answers 200 if all checks pass, else 503, and what each came to; /metrics answers
    what is in `registry`; `routes` are what else there is.

    Raises:
        SettingsError: where that address cannot be listened at.
    """
    from uvicorn import Config, Server

    listening = await _listen(*address)
    config = Config(
        _application(checks, registry, routes),
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
    checks: Mapping[str, Check], registry: "CollectorRegistry", routes: "Sequence[Route]"
) -> "Starlette":
    from prometheus_client.exposition import choose_encoder
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def healthz(_request: "Request") -> "Response":
        outcomes = await asyncio.gather(*(_outcome(check) for check in checks.values()))
        sound = all(outcome == OK for outcome in outcomes)
        return JSONResponse(
            {
                "status": OK if sound else "broken",
                "checks": dict(zip(checks, outcomes, strict=True)),
            },
            status_code=200 if sound else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def metrics(request: "Request") -> "Response":
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": kind})

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", metrics), *routes])


async def _outcome(check: Check) -> str:
    """OK, or in one line what is broken.

    Only the project's own errors are quoted: their text is made for people, without secrets.
    """
    try:
        async with asyncio.timeout(LIMIT) as limit:
            await check()
    except LyricbotError as error:
        return " ".join(str(error).split())
    except Exception as error:
        return f"no answer in {LIMIT:g} s" if limit.expired() else type(error).__name__
    return OK
