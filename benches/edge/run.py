"""Runs the server on a core of its own and asks it things: what is printed goes into benches/edge.md."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "a secret that only this bench knows, and its server"
TICKS = os.sysconf("SC_CLK_TCK")
DIRECTORY = pathlib.Path(tempfile.mkdtemp(prefix="switchboard-edge-"))
PERSON = '{"query":"{ person(id: 1) { id name } }"}'


def token(seconds, secret=SECRET):
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")
    claims = {"iss": "https://login.example", "aud": "bench", "sub": "1", "exp": int(time.time()) + seconds}
    text = b".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "kid": "s"}, claims))
    return (text + b"." + part(hmac.new(secret.encode(), text, hashlib.sha256).digest())).decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(core, arguments, **options):
    child = subprocess.Popen(["taskset", "-c", str(core), *arguments], **options)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


class Server:
    """The server before a source with this many workers, each of which takes so many milliseconds."""

    def __init__(self, workers=1000, service_ms=0, surface="", more="", http=""):
        self.stack = contextlib.ExitStack()
        self.settings = (workers, service_ms, surface, more, http)

    def __enter__(self):
        workers, service_ms, surface, more, http = self.settings
        self.port, self.admin, source = free_port(), free_port(), free_port()
        edge = [os.environ["EDGE"], "upstream", str(source), str(workers), str(service_ms)]
        upstream = self.stack.enter_context(running(1, edge, stdout=subprocess.PIPE))
        upstream.stdout.readline()
        config = DIRECTORY / "switchboard.yaml"
        config.write_text(
            f"""listen: 127.0.0.1:{self.port}
admin: 127.0.0.1:{self.admin}
log: {{ level: error, requests: off }}
http: {{ max_connections: 15000, {http} }}
surfaces:
  web: {{ schema: {HERE}/schema.graphql, sharing: false, cache_bytes: 0, limits: {{ depth: 5 }}, {surface} }}
  strict: {{ schema: {HERE}/schema.graphql, on_refused: error }}
auth:
  issuers: {{ main: {{ issuer: "https://login.example", audience: bench, keys: [{{ kid: s, algorithm: HS256, secret: "${{BENCH_SECRET}}" }}] }} }}
  session: {{ secure: false, cookie: session }}
sources: {{ people: {{ override_url: "http://127.0.0.1:{source}", max_in_flight: 0 }} }}
{more}
"""
        )
        environment = dict(os.environ, BENCH_SECRET=SECRET)
        serve = [os.environ["SWITCHBOARD"], "serve", "--config", str(config)]
        self.child = self.stack.enter_context(running(0, serve, env=environment))
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/ready")
                return self
            time.sleep(0.05)
        raise SystemExit("the server is not ready")

    def __exit__(self, *_):
        self.stack.close()

    def cpu(self):
        """Seconds of CPU that it has taken."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self):
        """MiB of memory that it has."""
        lines = pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024

    def load(self, rate, seconds, connections=64, body=PERSON, headers=(), path="/web/graphql"):
        """Sends requests at a rate: the answers of each body by status, and the CPU µs that each took."""
        before = self.cpu()
        words = ["load", f"127.0.0.1:{self.port}", path, str(rate), str(seconds), str(connections), body, *headers]
        run = subprocess.run(["taskset", "-c", "1", os.environ["EDGE"], *words], stdout=subprocess.PIPE, check=True)
        told = json.loads(run.stdout)
        sent = sum(kind["count"] for kinds in told["bodies"] for kind in kinds.values())
        told["cpu_us"] = (self.cpu() - before) * 1e6 / max(sent, 1)
        return told


def ms(microseconds):
    return f"{microseconds / 1000:.2f}"


def costs():
    """What an answer takes of the server's CPU, by what becomes of the request."""
    deep = json.dumps({"query": "{ person(id: 1) " + "{ friend " * 8 + "{ id }" + " }" * 8 + " }"})
    aliases = json.dumps({"query": "{ " + " ".join(f"a{i}: __typename" for i in range(60)) + " }"})
    authorization = lambda text: [f"authorization: Bearer {text}"]
    rows = [
        ("200, one call", "/web/graphql", PERSON, [], "200"),
        ("200, nothing to call", "/web/graphql", '{"query":"{ greeting }"}', [], "200"),
        ("200, the same with a token", "/web/graphql", '{"query":"{ greeting }"}', authorization(token(600)), "200"),
        ("401, no token at all", "/web/graphql", PERSON, authorization("x"), "401"),
        ("401, expired", "/web/graphql", PERSON, authorization(token(-600)), "401"),
        ("401, signed by somebody else", "/web/graphql", PERSON, authorization(token(600, "another secret of thirty-two bytes")), "401"),
        ("403, another site's page", "/web/graphql", PERSON, [f"cookie: session={token(600)}", "origin: https://evil.example"], "403"),
        ("403, a field one may not have", "/strict/graphql", '{"query":"{ me { id } }"}', ["accept: application/graphql-response+json"], "403"),
        ("400, too deep", "/web/graphql", deep, ["accept: application/graphql-response+json"], "400"),
        ("400, too many aliases", "/web/graphql", aliases, ["accept: application/graphql-response+json"], "400"),
        ("404", "/nothing", PERSON, [], "404"),
    ]
    print("| answer | CPU µs | p50 ms | p99 ms |\n|---|--:|--:|--:|")
    with Server() as server:
        server.load(2000, 2)
        for name, path, body, headers, expected in rows:
            told = server.load(4000, 4, body=body, headers=headers, path=path)
            kinds = told["bodies"][0]
            assert list(kinds) == [expected], (name, kinds)
            kind = kinds[expected]
            print(f"| {name} | {told['cpu_us']:.0f} | {ms(kind['p50_us'])} | {ms(kind['p99_us'])} |", flush=True)


def sockets():
    """10,000 idle and 1,000 slow sockets: what they take, and what others notice."""
    with Server(http="idle_timeout: 10m") as server:
        server.load(1000, 3)
        before, alone = server.rss(), server.load(1000, 10)["bodies"][0]["200"]
        hold = [os.environ["EDGE"], "sockets", f"127.0.0.1:{server.port}", "/web/graphql", "10000", "1000"]
        with running(1, hold, stdout=subprocess.PIPE) as holding:
            opened = int(holding.stdout.readline())
            # Longer than the time that a head may take.
            time.sleep(7)
            during, told = server.rss(), server.load(1000, 10)
        kinds = told["bodies"][0]
        assert list(kinds) == ["200"], kinds
        print("| | alone | beside them |\n|---|--:|--:|")
        print(f"| idle sockets | 0 | {opened} |")
        print(f"| RSS, MiB | {before:.1f} | {during:.1f} |")
        print(f"| of an idle socket, KiB | | {(during - before) * 1024 / opened:.1f} |")
        for name in ("p50", "p99"):
            print(f"| {name} of 1,000 requests a second, ms | {ms(alone[name + '_us'])} | {ms(kinds['200'][name + '_us'])} |")


def keys():
    """A million clients, each of whom is counted once: what is remembered of them, and what a refusal costs the one who asks too much."""
    more = "quotas: { tiers: { free: { requests: 100 } } }"
    greeting = '{"query":"{ greeting }"}'
    with Server(surface="tier: free", more=more, http="trusted_proxies: 1") as server:
        print("| clients | RSS, MiB | CPU µs | p99 ms |\n|--:|--:|--:|--:|")
        for step in range(10):
            told = server.load(8000, 12.5, body=greeting, headers=[f"x-forwarded-for: {10 + step}.{{ip}}"])
            kinds = told["bodies"][0]
            assert list(kinds) == ["200"], kinds
            told_ms = ms(kinds["200"]["p99_us"])
            print(f"| {100_000 * (step + 1):,} | {server.rss():.1f} | {told['cpu_us']:.0f} | {told_ms} |", flush=True)
        told = server.load(4000, 4, body=greeting, headers=["x-forwarded-for: 9.9.9.9"])
        kind = told["bodies"][0]["429"]
        print(f"\n429: {told['cpu_us']:.0f} µs of CPU, p50 {ms(kind['p50_us'])} ms, p99 {ms(kind['p99_us'])} ms")


def overload():
    """More than the source can do, up to twenty times as much; one request in fifty is critical, so that all of those are always fewer than it can do."""
    workers, service_ms = 4, 8
    capacity = workers * 1000 / service_ms
    checkout = '{"query":"query Checkout { person(id: 2) { id name } }"}'
    bodies = "|".join([PERSON] * 49 + [checkout])
    surface = f"operations: {HERE}/operations, priority: {{ critical: [Checkout] }}"
    rows, goodputs, calm = [], {}, None
    with Server(workers=workers, service_ms=service_ms, surface=surface) as server:
        server.load(capacity / 2, 3, body=bodies)
        for factor in (0.5, 0.8, 1, 2, 5, 10, 20):
            told = server.load(capacity * factor, 12, connections=2000, body=bodies)
            answers, critical = told["all"], told["bodies"][49]
            served = answers["200"]
            goodput = served["count"] / 12
            goodputs[factor] = goodput
            calm = served["p99_us"] if factor == 0.8 else calm
            refused = ms(answers["503"]["p99_us"]) if "503" in answers else "–"
            share = critical.get("200", {"count": 0})["count"] / sum(kind["count"] for kind in critical.values())
            others = {status for status in answers if status not in ("200", "503")}
            rows.append((factor, goodput, served, refused, share, told["cpu_us"], others))
    peak = max(goodputs.values())
    print(f"Source: {workers} calls at a time of {service_ms} ms, {capacity:.0f} a second.\n")
    print("| offered | answered a second | of the best | p99 ms | of that at 0.8 × | slowest ms | p99 of a 503, ms | critical answered | CPU µs a request | other statuses |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for factor, goodput, served, refused, share, cpu, others in rows:
        p99, slowest = (served[name] for name in ("p99_us", "max_us"))
        told = ", ".join(sorted(others)) or "none"
        print(f"| {factor} × | {goodput:.0f} | {goodput / peak:.1%} | {ms(p99)} | {p99 / calm:.1f} | {ms(slowest)} | {refused} | {share:.2%} | {cpu:.0f} | {told} |")


SECTIONS = {"costs": costs, "sockets": sockets, "keys": keys, "overload": overload}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or SECTIONS:
        print(f"\n## {wanted}\n", flush=True)
        SECTIONS[wanted]()
