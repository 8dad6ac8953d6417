"""How the servers of a run are reached: headers that go with every request, a proxy, an authority of one's own."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

NO_PROXY = "none"
# What a request says by itself; a header of this name for all of them would change what is judged.
_TAKEN = {"host", "connection", "upgrade", "content-length", "content-type", "transfer-encoding", "coder-session-token"}
_SHORTEST_SECRET = 6  # characters; what is shorter is masked nowhere, lest it be masked in the midst of words


class BadAccess(ValueError):
    """What was said of headers, proxy or authorities can't be used; one line that says why."""


@dataclass(frozen=True, slots=True)
class Access:
    """`headers`: pairs of name and value. `proxy`: an address, `none`, or "": what the environment names for the server.

    `ca_file`: further authorities (PEM), beside those of the system or of the environment variable SSL_CERT_FILE.
    """

    headers: tuple[tuple[str, str], ...] = ()
    proxy: str = ""
    ca_file: str = ""

    def with_headers(self, headers: dict[str, str] | None) -> dict[str, str]:
        """The headers of one request, beside those of all; its own go before."""
        own = {name.lower() for name in headers or {}}
        return {name: value for name, value in self.headers if name.lower() not in own} | (headers or {})

    def proxy_of(self, url: str) -> str | None:
        """The proxy on the way to this address; None: there is none."""
        if self.proxy:
            return None if self.proxy == NO_PROXY else self.proxy
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        found = getproxies_environment().get(scheme)
        if not found or is_loopback(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
            return None
        return found if "://" in found else f"http://{found}"

    def trusted(self) -> ssl.SSLContext:
        """Whom to trust."""
        return _context(self.ca_file, os.environ.get("SSL_CERT_FILE", ""))

    def secrets(self) -> dict[str, str]:
        """What nobody may read of it, by name."""
        found = {f"header-{name.lower()}": value for name, value in self.headers}
        found["proxy"] = unquote(urlsplit(self.proxy).password or "")
        return {name: value for name, value in found.items() if len(value) >= _SHORTEST_SECRET}


@cache
def _context(ca_file: str, of_environment: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def is_loopback(url: str) -> bool:
    """Is this server on this machine?"""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def access_of(headers: Iterable[str], proxy: str, ca_file: Path | None) -> Access:
    """What a user asked for: `Name: value` each, an address, a file. Raises BadAccess."""
    if proxy and proxy != NO_PROXY and not (urlsplit(proxy).scheme in ("http", "https") and urlsplit(proxy).hostname):
        raise BadAccess(f"--proxy: {urlsplit(proxy).hostname or proxy!r} is no address; write it as http://HOST:PORT, or none")
    made = Access(tuple(map(_header, headers)), proxy, str(ca_file or ""))
    try:
        made.trusted()
    except (OSError, ssl.SSLError) as error:
        raise BadAccess(f"--ca-file {ca_file}: {error.strerror or error}; name a file of certificates (PEM)") from error
    return made


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not name.isascii() or any(c in name for c in ' \t"(),/;<=>?@[\\]{}') or not name.isprintable():
        raise BadAccess("--header: write it as 'Name: value'")
    if not value.isascii() or not value.isprintable():
        raise BadAccess(f"--header {name}: its value has characters that no header can carry")
    if name.lower() in _TAKEN:
        raise BadAccess(f"--header {name}: what a run judges rests on this header; it can't be set for all requests")
    return name, value
