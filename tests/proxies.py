"""Two small real proxies, and a certificate: whatever is asked for, they lead to one address."""

import asyncio
import base64
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from processes import pipe

USER, PASSWORD = "anna", "hush:so@secret"
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def listening(
    speak: Callable[[Reader, Writer], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve whoever connects until the context is left; the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await speak(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        running = [*tasks]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def both_ways(reader: Reader, writer: Writer, from_there: Reader, to_there: Writer) -> None:
    """Pass on what comes from either side, until one is at its end."""
    try:
        await asyncio.gather(pipe(reader, to_there), pipe(from_there, writer))
    finally:
        to_there.close()


class Proxy:
    """One proxy: what it was asked for, and how often it was asked without the password."""

    def __init__(self, scheme: str, target: str) -> None:
        """`target` is the address that every name leads to."""
        self._scheme = scheme
        self._target = urlsplit(target)
        self._port = 0
        self.asked_for: list[str] = []
        self.refused = 0

    def url(self, password: str = "hush%3Aso%40secret") -> str:
        """For LYRICBOT_PROXY."""
        return f"{self._scheme}://{USER}:{password}@127.0.0.1:{self._port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Serve until the context is left."""
        speak = self._http if self._scheme == "http" else self._socks
        async with listening(speak) as self._port:
            yield self

    async def _there(self, name: str) -> tuple[Reader, Writer]:
        self.asked_for.append(name)
        return await asyncio.open_connection(self._target.hostname, self._target.port)

    async def _http(self, reader: Reader, writer: Writer) -> None:
        """CONNECT, or one request in absolute form; what follows it goes the same way."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, place, version = lines[0].split()
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"proxy-authorization: basic {known.lower()}" not in [one.lower() for one in lines]:
            self.refused += 1
            writer.write(REFUSAL)
            await writer.drain()
            return
        there = await self._there(place.split("?")[0])
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = place.removeprefix(f"http://{urlsplit(place).netloc}")
            kept = [one for one in lines[1:] if not one.lower().startswith("proxy-")]
            there[1].write("\r\n".join([f"{method} {path} {version}", *kept]).encode("latin-1"))
        await both_ways(reader, writer, *there)

    async def _socks(self, reader: Reader, writer: Writer) -> None:
        """SOCKS5 (RFC 1928) with a name and a password (RFC 1929), to a host by its name."""
        _, count = await reader.readexactly(2)
        assert 2 in await reader.readexactly(count)
        writer.write(b"\x05\x02")
        _, length = await reader.readexactly(2)
        user = await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if (user.decode(), password.decode()) != (USER, PASSWORD):
            self.refused += 1
            writer.write(b"\x01\x01")
            await writer.drain()
            return
        writer.write(b"\x01\x00")
        _, command, _, kind = await reader.readexactly(4)
        assert (command, kind) == (1, 3)
        host = await reader.readexactly((await reader.readexactly(1))[0])
        await reader.readexactly(2)
        there = await self._there(host.decode())
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await both_ways(reader, writer, *there)


def proxying(scheme: str, target: str) -> AbstractAsyncContextManager[Proxy]:
    """A proxy of a kind."""
    return Proxy(scheme, target).serving()


@asynccontextmanager
async def encrypted(target: str, certificate: Path) -> AsyncIterator[str]:
    """The address of what speaks TLS for `target`."""
    parts = urlsplit(target)

    async def serve(reader: Reader, writer: Writer) -> None:
        there = await asyncio.open_connection(parts.hostname, parts.port)
        await both_ways(reader, writer, *there)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with listening(serve, context) as port:
        yield f"https://127.0.0.1:{port}"


def write_certificate(path: Path, host: str) -> None:
    """A certificate of its own for a host, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
