#!/usr/bin/env python3
"""Writes input/requests.http, the recording that the gateway answers: the same bytes every time.

usage: workloads/gateway/record.py

Clients, paths, tokens and mistakes are drawn by SplitMix64 from a fixed seed; tokens are signed by
Python's own hmac, so that the gateway's is held against another implementation.
"""

import base64
import hashlib
import hmac
import json
import pathlib

REQUESTS = 480
EPOCH = 1767225600
KEYS = {
    "2025-q4": b"the-old-key-that-is-still-valid",
    "2026-q1": b"a-key-that-is-longer-than-one-block-of-sha-256-so-that-it-is-itself-hashed-before-use",
}
SCOPES = ["orders basket profile", "orders basket profile reviews media", "catalogue:write", "profile", "admin orders"]
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
    "shop-app/7.3.1 (Android 16; okhttp/5.1.0)",
    "curl/8.14.1",
]


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        return mixed ^ (mixed >> 31)

    def below(self, limit):
        return self.next() % limit

    def one_of(self, things):
        return things[self.below(len(things))]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def token(random, client):
    """A bearer token, one in twelve of them bad in one of four ways."""
    bad = random.below(12)
    kid = random.one_of(list(KEYS))
    head = {"alg": "none" if bad == 0 else "HS256", "typ": "JWT", "kid": kid}
    payload = {
        "iss": "https://login.shop.example",
        "sub": f"customer-{client}",
        "scope": SCOPES[client % len(SCOPES)],
        "iat": EPOCH - 600,
        "exp": EPOCH - 1 if bad == 1 else EPOCH + 3600,
    }
    signed = base64url(compact(head)) + b"." + base64url(compact(payload))
    key = b"somebody else's" if bad == 2 else KEYS[kid]
    signature = base64url(hmac.new(key, signed, hashlib.sha256).digest())
    if bad == 3:
        signature = signature[:-4]
    return (signed + b"." + signature).decode()


def article(random):
    return f"{random.one_of(['AX', 'BK', 'TL', 'GD'])}-{random.below(9000) + 1000}"


def target(random):
    """Method, path with query, and whether a body goes with it."""
    kind = random.below(100)
    if kind < 26:
        return "GET", f"/v1/articles/{article(random)}", False
    if kind < 32:
        return "GET", f"/v1/articles?page={random.below(40)}&per_page=24&sort=price", False
    if kind < 40:
        words = random.one_of(["red%20shoes", "usb-c+cable", "caf%C3%A9", "lamp", "garden%2Fhose"])
        return "GET", f"/v1/search?q={words}&limit={random.below(50) + 1}", False
    if kind < 46:
        return "GET", f"/v1/articles/{article(random)}/prices/{random.one_of(['EUR', 'USD', 'SEK'])}", False
    if kind < 50:
        return "GET", f"/v1/media/image/articles/{article(random)}/{random.below(4)}@2x.webp", False
    if kind < 54:
        return "GET", f"/assets/app.{random.below(1 << 32):08x}.{random.one_of(['js', 'css'])}", False
    if kind < 60:
        return "PUT", f"/v1/basket/{article(random)}", True
    if kind < 64:
        return "GET", "/v1/basket", False
    if kind < 69:
        return "POST", "/v1/orders", True
    if kind < 75:
        return "GET", f"/v1/orders/{random.below(10**8):08d}/items/{random.below(9) + 1}", False
    if kind < 79:
        return "GET", "/v1/me", False
    if kind < 83:
        return "POST", "/v1/events", True
    if kind < 85:
        return "POST", f"/v1/articles/{article(random)}/reviews", True
    if kind < 87:
        return "PATCH", f"/v1/articles/{article(random)}", True
    if kind < 89:
        return "GET", f"/v1/categories/{random.one_of(['lamps', 'books', 'tools'])}/articles?page=2", False
    if kind < 90:
        return "GET", "/admin/users/list.html", False
    if kind < 91:
        return "POST", "/v1/sessions", True
    # What a gateway has to cope with: odd but right paths, and wrong ones.
    return random.one_of(
        [
            ("GET", f"//v1/./articles/x/../{article(random)}", False),
            ("GET", "/v1/%61rticles/%7Especial", False),
            ("GET", "/v1/articles/new", False),
            ("GET", "/../../etc/passwd", False),
            ("GET", "/v1/articles/%zz", False),
            ("GET", "/wp-login.php", False),
            ("GET", "/v2/articles", False),
            ("DELETE", "/v1/search", False),
            ("POST", "/health", True),
        ]
    )


def body(random):
    items = [{"article": article(random), "count": random.below(5) + 1} for _ in range(random.below(4) + 1)]
    return compact({"items": items, "note": "leave it at the door" if random.below(3) == 0 else ""})


def request(random, at_ms):
    # Few clients send most of what is sent, so that rates are met.
    client = random.below(6) if random.below(3) == 0 else random.below(200)
    method, path, has_body = target(random)
    content = body(random) if has_body else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: api.shop.example"]
    lines.append(f"User-Agent: {AGENTS[client % len(AGENTS)]}")
    lines.append("Accept: application/json, text/plain;q=0.9, */*;q=0.5")
    lines.append("Accept-Encoding: gzip, deflate, br, zstd")
    lines.append("Accept-Language: en-GB,en;q=0.8,de;q=0.5")
    if random.below(10) < 7:
        lines.append(f"Authorization: Bearer {token(random, client)}")
    if has_body:
        lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(content)}")
    if random.below(3) == 0:
        lines.append(f"Cookie: session={random.next():016x}; theme=dark; consent=1")
    if random.below(4) == 0:
        lines.append(f"X-Forwarded-For: 192.0.2.{random.below(256)}")
        lines.append("Via: 1.1 cache-7")
    lines.append(random.one_of(["Connection: keep-alive", "Connection: keep-alive, X-Debug", "Connection: close"]))
    if random.below(8) == 0:
        lines.append("X-Debug: trace")
    lines.append(f"X-Recorded-At: {at_ms}")
    lines.append(f"X-Recorded-Client: 203.0.113.{client}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def main():
    random = Random(20260101)
    at_ms = 0
    recording = bytearray()
    for _ in range(REQUESTS):
        recording += request(random, at_ms)
        at_ms += random.below(9)
    path = pathlib.Path(__file__).parent / "input" / "requests.http"
    path.write_bytes(recording)


main()
