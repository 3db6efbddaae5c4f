#!/usr/bin/env bash
# Prints script.yaml: a ConfigMap with ../many-processes.js.
set -euo pipefail
cd "$(dirname "$0")"
cat <<'END'
# Made of ../many-processes.js by make-script.sh.
apiVersion: v1
kind: ConfigMap
metadata:
  name: many-processes
data:
  many-processes.js: |
END
sed '/./s/^/    /' ../many-processes.js
