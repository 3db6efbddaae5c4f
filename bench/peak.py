"""Runs a command; its peak memory in bytes goes to a file: peak.py FILE COMMAND..."""
import resource
import subprocess
import sys

status = subprocess.run(sys.argv[2:], check=False).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open(sys.argv[1], "w", encoding="ascii") as file:
    print(peak if sys.platform == "darwin" else peak * 1024, file=file)  # Linux counts in KiB
sys.exit(status)
