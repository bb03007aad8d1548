#!/usr/bin/env python3
"""Runs the lab: starts each server pinned to core 0, the upstream mock and wrk on
core 1, checks every answer, measures, and appends one JSON line for each run.

  run.py --list
  run.py --servers tc-dedupe,ag-static --queries Q1 --conns 32,100 --reps 3 --out r.jsonl
  run.py --verify                      only check answers and count upstream requests
  report.py r.jsonl                    tables

Rounds are interleaved: round 1 runs every server, then round 2 runs every server ..
Everything started here is ended by its own process id.
"""
import argparse, json, os, signal, subprocess, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.environ.get("LAB", os.path.join(tempfile.gettempdir(), "lab"))
BIN = f"{LAB}/target/release"
DATA = f"{LAB}/data"
PORT, UP = 8000, 3000
GRPC_UP = 3010  # and what answers late on the next port, the counts on the one after
TICK = os.sysconf("SC_CLK_TCK")
ALL = ["Q1", "Q2", "Q3", "Q4"]
TEXT = {"G1": "Q1"}  # G1 is Q1's text and Q1's answer, from a gRPC upstream


def tailcall(cfg):
    def cmd(port, up):
        text = open(f"{HERE}/tailcall/{cfg}.graphql").read().replace("@PORT@", str(port)).replace("@UPSTREAM@", up)
        path = f"{LAB}/tailcall/run-{cfg}.graphql"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").write(text)
        exe = f"{LAB}/tailcall/node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
        lib = f"{LAB}/glibc/root/usr/lib/x86_64-linux-gnu"
        pre = [f"{lib}/ld-linux-x86-64.so.2", "--library-path", lib] if os.path.isdir(lib) else []
        return pre + [exe, "start", path]
    return cmd


node = lambda f: lambda port, up: ["node", f"{LAB}/node/{f}.mjs", str(port), up]
rust = lambda b, *x: lambda port, up: [f"{BIN}/{b}", str(port), up, *x]
SWITCHBOARD = os.environ.get("SWITCHBOARD", os.path.join(HERE, "../../target/dist/switchboard"))


def switchboard(config):
    def cmd(port, up):
        return ["env", f"PORT={port}", f"UPSTREAM={up}", SWITCHBOARD, "serve", "--config", f"{HERE}/switchboard/{config}"]
    return cmd


gw = lambda port, up: ["node", "node_modules/.bin/hive-gateway", "supergraph", "./supergraph.graphql",
                       "-c", "gateway.config.mjs", "-p", str(port), "--host", "127.0.0.1"]
TCENV = {"TAILCALL_LOG_LEVEL": "error", "TC_TRACKER": "false", "NO_COLOR": "1"}
# name: (command, queries, extra env, unique header for each request)
SERVERS = {
    "switchboard": (switchboard("switchboard.yaml"), ALL, {}, False),
    "switchboard-grpc": (switchboard("grpc.yaml"), ["G1"], {}, False),
    "switchboard-shared": (switchboard("switchboard.yaml"), ALL, {"SHARING": "true"}, False),
    "switchboard-cached": (switchboard("switchboard.yaml"), ALL, {"CACHE_BYTES": "67108864"}, False),
    "switchboard-shared-uniq": (switchboard("switchboard.yaml"), ALL, {"SHARING": "true"}, True),
    "tc-dedupe": (tailcall("dedupe"), ALL, TCENV, False),
    "tc-dedupe-uniq": (tailcall("dedupe"), ALL, TCENV, True),
    "tc-dedupe-batch-uniq": (tailcall("dedupe-batch"), ["Q1"], TCENV, True),
    "tc-nodedupe-n1": (tailcall("nodedupe-n1"), ["Q1"], TCENV, False),
    "tc-nodedupe-batch": (tailcall("nodedupe-batch"), ALL, TCENV, False),
    "tc-peruser-batch": (tailcall("peruser-batch"), ALL, TCENV, True),
    "tc-peruser-dedupe": (tailcall("peruser-dedupe"), ["Q1"], TCENV, True),
    "tc-httpcache": (tailcall("httpcache"), ["Q1", "Q2", "Q4"], TCENV, False),
    "tc-httpcache-batch": (tailcall("httpcache-batch"), ["Q1", "Q2", "Q4"], TCENV, False),
    "ag-static": (rust("ag_static"), ALL, {}, False),
    "ag-static-global": (rust("ag_static", "global"), ["Q1"], {}, False),
    "ag-dynamic": (rust("ag_dynamic"), ALL, {}, False),
    "apollo": (node("apollo"), ALL, {"NODE_ENV": "production"}, False),
    "yoga": (node("yoga"), ALL, {"NODE_ENV": "production"}, False),
    "mercurius-jit": (node("mercurius"), ALL, {"NODE_ENV": "production"}, False),
    "graphql-jit": (node("jit"), ALL, {"NODE_ENV": "production"}, False),
    "hive-gateway": (gw, ["Q1", "Q2", "Q4"], {"NODE_ENV": "production", "CWD": f"{LAB}/gateway"}, False),
    "hive-gateway-jit": (gw, ["Q1", "Q2", "Q4"], {"NODE_ENV": "production", "GW_JIT": "1", "CWD": f"{LAB}/gateway"}, False),
    "limit-axum-reqwest-typed": (rust("limit", "server=axum", "client=reqwest", "json=typed"), ALL, {}, False),
    "limit-hyper-hyper-value": (rust("limit", "json=value"), ["Q1"], {}, False),
    "limit-hyper-hyper-typed": (rust("limit", "json=typed"), ALL, {}, False),
    "limit-hyper-hyper-raw": (rust("limit", "json=raw"), ALL, {}, False),
    "limit-hyper-hyper-sonic": (rust("limit", "json=sonic"), ["Q1"], {}, False),
    "limit-hyper-hyper-sonicraw": (rust("limit", "json=sonicraw"), ["Q1"], {}, False),
    "limit-hyper-reqwest-sonicraw": (rust("limit", "client=reqwest", "json=sonicraw"), ["Q1"], {}, False),
    "limit-hyper-raw-sonicraw": (rust("limit", "client=raw", "json=sonicraw"), ["Q1"], {}, False),
    "limit-raw-raw-sonicraw": (rust("limit", "server=raw", "client=raw", "json=sonicraw"), ["Q1"], {}, False),
    "limit-axum-tonic": (rust("limit_grpc"), ["G1"], {}, False),
    "limit2-hyper-static": (rust("limit", "mode=static", f"file={DATA}/Q1.response.json"), ["Q1"], {}, False),
    "limit2-raw-static": (rust("limit", "server=raw", "mode=static", f"file={DATA}/Q1.response.json"), ["Q1"], {}, False),
}
for b in ("static", "dynamic"):  # the same peers built with async-graphql's tokio-timer feature, if someone built them
    if os.path.exists(f"{LAB}/target2/release/ag_{b}"):
        SERVERS[f"ag-{b}-timer"] = (rust(f"../../target2/release/ag_{b}"), ALL, {}, False)
for name, extra in {"proto-hyper": [], "proto-raw": ["client=raw"], "proto-raw-raw": ["server=raw", "client=raw"],
                    "proto-hyper-coalesce": ["coalesce=1"]}.items():
    if os.path.exists(f"{BIN}/proto"):  # an experiment kept outside this folder
        SERVERS[name] = (rust("proto", *extra), ALL, {}, False)


def start(cmd, core, env=None, log="/dev/null"):
    e = dict(os.environ, **(env or {}))
    cwd = e.pop("CWD", None)
    f = open(log, "ab")
    return subprocess.Popen(["taskset", "-c", str(core), *cmd], env=e, cwd=cwd, stdout=f, stderr=f)


def stop(p):
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(5)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def http(url, body=None):
    r = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(r, timeout=10) as f:
        return f.read()


def cpu(pid):
    s = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(s[11]) / TICK, int(s[12]) / TICK


def rss(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def steal():
    return [int(x) for x in open("/proc/stat").readline().split()[1:9]]


def is_grpc(q):
    return q.startswith("G")


def stats(q):
    return json.loads(http(f"http://127.0.0.1:{GRPC_UP + 2 if is_grpc(q) else UP}/__stats"))


def body_file(q):
    return f"{DATA}/{TEXT.get(q, q)}.body.json"


def body(q):
    return open(body_file(q), "rb").read()


def upstream(q, delay_ms):
    """Starts the upstream that q needs."""
    name, port = ("grpc_mock", GRPC_UP) if is_grpc(q) else ("mock", UP)
    p = start([f"{BIN}/{name}", DATA, str(port), delay_ms], 1, None, f"{LAB}/upstream.log")
    for _ in range(100):
        try:
            stats(q)
            return p
        except OSError:
            time.sleep(0.1)
    stop(p)
    raise SystemExit(f"the upstream of {q} did not start; see {LAB}/upstream.log")


def launch(name, slow):
    cmd, queries, env, uniq = SERVERS[name]
    up = (GRPC_UP if is_grpc(queries[0]) else UP) + (1 if slow else 0)
    p = start(cmd(PORT, f"http://127.0.0.1:{up}"), 0, env, f"{LAB}/server.log")
    t0 = time.time()
    while True:
        try:
            http(f"http://127.0.0.1:{PORT}/graphql", body(queries[0]))
            return p
        except Exception as e:
            if p.poll() is not None or time.time() - t0 > 30:
                stop(p)
                raise SystemExit(f"{name} did not start: {e}; see {LAB}/server.log")
            time.sleep(0.05)


def verify(q):
    a = stats(q)
    raw = http(f"http://127.0.0.1:{PORT}/graphql", body(q))
    b = stats(q)
    got = json.loads(raw)
    got.pop("extensions", None)
    want = json.load(open(f"{DATA}/expected.json"))[TEXT.get(q, q)]
    ok = got == want
    same = json.dumps(got) == json.dumps(want)  # same keys in the same order too
    return ok, same, len(raw), {k: b[k] - a[k] for k in a if b[k] != a[k] and k != "conns"}


def wrk(q, conns, secs, uniq):
    env = dict(os.environ, WRK_BODY_FILE=body_file(q), WRK_UNIQUE="1" if uniq else "0")
    u0 = os.times()
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{conns}", f"-d{secs}s", "--timeout", "10s", "-s",
                          f"{HERE}/wrk/post.lua", f"http://127.0.0.1:{PORT}/graphql"], env=env, capture_output=True, text=True).stdout
    u1 = os.times()
    for line in out.splitlines():
        if line.startswith("SUMMARY "):
            r = json.loads(line[8:])
            r["wrk_cpu"] = u1.children_user + u1.children_system - u0.children_user - u0.children_system
            return r
    raise SystemExit("wrk said: " + out)


def measure(p, mock, name, q, conns, dur, warm):
    uniq = SERVERS[name][3]
    wrk(q, conns, warm, uniq)
    time.sleep(0.2)
    if p.poll() is not None:
        return {"server": name, "q": q, "conns": conns, "failed": f"died in the warm-up, exit status {p.poll()}"}
    s0, c0, m0, st0 = stats(q), cpu(p.pid), cpu(mock.pid), steal()
    r = wrk(q, conns, dur, uniq)
    n, secs = r["requests"], r["us"] / 1e6
    if n == 0 or p.poll() is not None:
        return {"server": name, "q": q, "conns": conns, "failed": f"{n} requests answered, exit status {p.poll()}"}
    c1, m1, st1, s1 = cpu(p.pid), cpu(mock.pid), steal(), stats(q)
    d = [b - a for a, b in zip(st0, st1)]
    up = {k: (s1[k] - s0[k]) / n for k in s0}
    return {
        "server": name, "q": q, "conns": conns, "rps": n / secs, "p50_ms": r["p50"] / 1e3, "p90_ms": r["p90"] / 1e3,
        "p99_ms": r["p99"] / 1e3, "max_ms": r["max"] / 1e3,
        "cpu_us": (sum(c1) - sum(c0)) * 1e6 / n, "cpu_user_us": (c1[0] - c0[0]) * 1e6 / n, "cpu_sys_us": (c1[1] - c0[1]) * 1e6 / n,
        "busy": (sum(c1) - sum(c0)) / secs, "load_busy": (sum(m1) - sum(m0) + r["wrk_cpu"]) / secs,
        "rss_mb": rss(p.pid), "bytes": r["bytes"] / n, "bad": r["bad"], "sock": r["sock"],
        "up_calls": sum(up[k] for k in ("posts", "post", "users", "user", "batch")), "up_posts": up["posts"] + up["post"],
        "up_user": up["user"], "up_batch": up["batch"], "up_conns": s1["conns"] - s0["conns"] - 1,
        "steal": d[7] / max(1, sum(d)),
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--servers", default=",".join(SERVERS))
    ap.add_argument("--queries", default=",".join([*ALL, *TEXT]))
    ap.add_argument("--conns", default="32")
    ap.add_argument("--reps", type=int, default=3)
    ap.add_argument("--dur", type=int, default=8)
    ap.add_argument("--warm", type=int, default=2)
    ap.add_argument("--slow", action="store_true", help="use the upstream that answers late (DELAY_MS)")
    ap.add_argument("--delay-ms", default="5")
    ap.add_argument("--verify", action="store_true")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--out", default=f"{LAB}/results.jsonl")
    a = ap.parse_args()
    if a.list:
        return print("\n".join(SERVERS))
    queries = a.queries.split(",")
    chosen = {name: [q for q in queries if q in SERVERS[name][1]] for name in a.servers.split(",")}
    chosen = {name: qs for name, qs in chosen.items() if qs}
    mocks = {}
    try:
        for q in sorted({q for qs in chosen.values() for q in qs}):
            if is_grpc(q) not in mocks:
                mocks[is_grpc(q)] = upstream(q, a.delay_ms)
        for rep in range(1 if a.verify else a.reps):
            for name, qs in chosen.items():
                # the composed gateway schema has its upstream written in it
                p = launch(name, a.slow)
                try:
                    for q in qs:
                        ok, same, size, up = verify(q)
                        if a.verify or not ok:
                            print(f"{name:30} {q} {'ok' if ok else 'WRONG ANSWER'}{'' if same else ' (key order differs)'} {size} bytes, upstream {up}", flush=True)
                        if a.verify or not ok:
                            continue
                        for conns in map(int, a.conns.split(",")):
                            r = measure(p, mocks[is_grpc(q)], name, q, conns, a.dur, a.warm)
                            r.update(rep=rep, slow=a.slow, size=size, t=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
                            open(a.out, "a").write(json.dumps(r) + "\n")
                            if "failed" in r:
                                print(f"{rep} {name:30} {q} c{conns:<4} FAILED: {r['failed']}", flush=True)
                                continue
                            print(f"{rep} {name:30} {q} c{conns:<4} {r['rps']:9.0f}/s p50 {r['p50_ms']:7.2f} p99 {r['p99_ms']:7.2f} ms cpu {r['cpu_us']:8.1f} us "
                                  f"busy {r['busy']:.2f} load {r['load_busy']:.2f} rss {r['rss_mb']:.0f} up {r['up_calls']:.3f} bad {r['bad']} sock {r['sock']} steal {r['steal']:.2f}", flush=True)
                finally:
                    stop(p)
    finally:
        for mock in mocks.values():
            stop(mock)


main()
