"""The processor time that a Redis or Valkey server takes for what is measured.

    bench/server_cpu.py sample PORT SAMPLES     writes down what it has taken, until it is gone
    bench/server_cpu.py join SAMPLES...         of rows of JSON: "server_us" for each call; of
                                                several servers "node_us", of each

Rows say in "from" and "to" when they were measured, in seconds since 1970. So one who
measures knows nothing of the server, and the loads of several programs are looked at alike.
"""
import bisect
import json
import socket
import sys
import time

EVERY = 0.02  # seconds; between two samples the server is taken to work evenly


def sample(port, path):
    with socket.create_connection(("127.0.0.1", int(port))) as link, open(path, "w", encoding="utf-8") as file:
        while True:
            began = time.time()
            try:
                link.sendall(b"INFO cpu\r\n")
                told = link.recv(65536).decode()
            except OSError:
                return
            if not told:
                return
            at = (began + time.time()) / 2
            fields = dict(line.split(":") for line in told.splitlines() if ":" in line)
            used = float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])
            file.write(f"{at:.6f} {used:.6f}\n")
            file.flush()
            time.sleep(EVERY)


def used_at(times, used, at):
    i = min(max(bisect.bisect(times, at), 1), len(times) - 1)
    share = (at - times[i - 1]) / (times[i] - times[i - 1])
    return used[i - 1] + share * (used[i] - used[i - 1])


def read(path):
    with open(path, encoding="utf-8") as file:
        return list(zip(*(map(float, line.split()) for line in file if line.endswith("\n"))))


def join(*paths):
    servers = [read(path) for path in paths]
    for row in map(json.loads, sys.stdin):
        if "from" in row:
            begin, end = row.pop("from"), row.pop("to")
            taken = [used_at(times, used, end) - used_at(times, used, begin) for times, used in servers]
            each = [round(1e6 * one / row["calls"], 3) if row.get("calls") else None for one in taken]
            row.update({"node_us": each} if len(each) > 1 else {"server_us": each[0]})
        print(json.dumps(row))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    if command not in ("sample", "join"):
        sys.exit(__doc__)
    {"sample": sample, "join": join}[command](*arguments)
