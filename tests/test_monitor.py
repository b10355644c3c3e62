"""Health and metrics, over real HTTP."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from httpx import AsyncClient, Response
from prometheus_client import CollectorRegistry, Counter

from core import monitor as monitoring
from core.errors import EngineError, SettingsError
from core.monitor import Check, monitor, process_registry


async def passes() -> None: ...


async def hangs() -> None:
    await asyncio.Event().wait()


def breaks_with(error: Exception) -> Check:
    async def check() -> None:
        raise error

    return check


@asynccontextmanager
async def served(
    checks: Mapping[str, Check] | None = None,
    *,
    host: str = "127.0.0.1",
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[AsyncClient]:
    registry = registry or CollectorRegistry()
    async with monitor((host, 0), checks or {}, registry) as port:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{port}"
        async with AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            yield client


async def health(checks: Mapping[str, Check]) -> Response:
    async with served(checks) as client:
        return await client.get("/healthz")


async def test_all_is_well_where_every_check_passes() -> None:
    answer = await health({"database": passes, "jobs": passes})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "jobs": "ok"}}


async def test_what_is_broken_is_named_in_one_line_and_the_rest_is_ok() -> None:
    error = EngineError("The jobs' database cannot be used\n(no route to host).")
    answer = await health({"database": passes, "jobs": breaks_with(error)})
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "broken",
        "checks": {
            "database": "ok",
            "jobs": "The jobs' database cannot be used (no route to host).",
        },
    }


@pytest.mark.parametrize("kind", [OSError, RuntimeError, TimeoutError])
async def test_of_a_foreign_error_only_the_kind_is_told(kind: type[Exception]) -> None:
    answer = await health({"files": breaks_with(kind("password=hush"))})
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"files": kind.__name__}
    assert "hush" not in answer.text


async def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "LIMIT", 0.1)
    answer = await health({"database": hangs, "jobs": passes})
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "no answer in 0.1 s", "jobs": "ok"}


async def test_checks_run_side_by_side() -> None:
    met = asyncio.Barrier(2)

    async def meets() -> None:
        await met.wait()

    assert (await health({"database": meets, "jobs": meets})).status_code == 200


async def test_a_check_that_hangs_is_not_begun_again_until_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitoring, "LIMIT", 0.05)
    ends, begun = asyncio.Event(), 0

    async def check() -> None:
        nonlocal begun
        begun += 1
        await ends.wait()

    async with served({"disk": check}) as client:
        for _ in range(3):
            assert (await client.get("/healthz")).status_code == 503
        assert begun == 1
        ends.set()
        await asyncio.sleep(0)
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        assert begun >= 2


async def test_alive_is_what_no_restart_would_mend() -> None:
    broken = breaks_with(EngineError("It is away."))
    for vital, status in ((["writing"], 200), (["engine"], 503)):
        checks = {"engine": broken, "writing": passes}
        context = monitor(("127.0.0.1", 0), checks, CollectorRegistry(), vital=vital)
        async with context as port, AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 503
            answer = await client.get(f"http://127.0.0.1:{port}/livez")
            assert answer.status_code == status
            assert set(answer.json()["checks"]) == set(vital)


async def test_each_request_checks_anew() -> None:
    error: Exception | None = None

    async def check() -> None:
        if error is not None:
            raise error

    async with served({"database": check}) as client:
        assert (await client.get("/healthz")).status_code == 200
        error = OSError()
        assert (await client.get("/healthz")).status_code == 503
        error = None
        assert (await client.get("/healthz")).status_code == 200


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("lyricbot_votes", "Votes taken.", registry=registry).inc(3)
    async with served(registry=registry) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "lyricbot_votes_total 3.0" in answer.text


async def test_metrics_come_in_the_format_that_is_asked_for() -> None:
    async with served() as client:
        kind = "application/openmetrics-text"
        answer = await client.get("/metrics", headers={"Accept": f"{kind}; version=1.0.0"})
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text.endswith("# EOF\n")


async def test_what_the_process_costs_can_be_measured() -> None:
    async with served(registry=process_registry()) as client:
        text = (await client.get("/metrics")).text
    assert "python_info{" in text
    if sys.platform == "linux":
        assert "process_resident_memory_bytes " in text


async def test_anything_else_is_not_found_and_only_reading_is_allowed() -> None:
    async with served() as client:
        assert [(await client.get(path)).status_code for path in ("/", "/health", "/docs")] == [
            404,
            404,
            404,
        ]
        assert (await client.post("/healthz")).status_code == 405
        assert (await client.head("/healthz")).status_code == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@pytest.mark.parametrize("host", ["::1", "::"])
async def test_it_listens_at_ipv6_addresses(host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    async with served(host=host) as client:
        assert (await client.get("/healthz")).status_code == 200
        if host == "::" and socket.has_dualstack_ipv6():
            answer = await client.get(f"http://127.0.0.1:{client.base_url.port}/healthz")
            assert answer.status_code == 200


async def test_it_listens_at_a_name() -> None:
    async with served(host="localhost") as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "192.0.2.1"])
async def test_an_address_that_cannot_be_had_is_named_with_its_setting(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"LYRICBOT_HTTP: {host}:{port} "):
            async with monitor((host, port), {}, CollectorRegistry()):
                pass


async def test_the_port_is_free_again_once_the_context_is_left() -> None:
    for _ in range(2):
        async with served() as client:
            port = client.base_url.port
            assert port
            await client.get("/healthz")  # a connection that is kept alive does not hold it up
        async with monitor(("127.0.0.1", port), {}, CollectorRegistry()) as again:
            assert again == port


async def test_what_goes_wrong_in_the_context_comes_out_as_it_is() -> None:
    with pytest.raises(EngineError, match=r"^hush$"):
        async with served():
            raise EngineError("hush")


async def test_a_request_that_is_being_answered_does_not_hold_up_the_end() -> None:
    asked = asyncio.Event()

    async def check() -> None:
        asked.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(4), AsyncClient(trust_env=False) as client:
        async with monitor(("127.0.0.1", 0), {"database": check}, CollectorRegistry()) as port:
            asking = asyncio.ensure_future(client.get(f"http://127.0.0.1:{port}/healthz"))
            await asked.wait()
        await asyncio.wait([asking])
        asking.exception()


async def test_the_signals_stay_with_whoever_has_them() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    try:
        async with served() as client:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(told.wait(), 5)
            assert (await client.get("/healthz")).status_code == 200
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def test_it_may_be_entered_in_one_task_and_left_in_another() -> None:
    async def ask(port: int) -> int:
        async with AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code

    context = monitor(("127.0.0.1", 0), {}, CollectorRegistry())
    with asyncio.Runner() as runner:

        async def enter() -> int:
            return await context.__aenter__()

        async def leave() -> None:
            await context.__aexit__(None, None, None)

        port = runner.run(enter())
        assert runner.run(ask(port)) == 200
        runner.run(leave())


def test_importing_it_imports_no_server() -> None:
    heavy = "{'starlette', 'uvicorn', 'prometheus_client'} & set(sys.modules)"
    check = f"import sys, core.monitor; sys.exit(str({heavy}) if {heavy} else 0)"
    root = os.path.dirname(os.path.dirname(monitoring.__file__))
    subprocess.run([sys.executable, "-c", check], check=True, cwd=root)
