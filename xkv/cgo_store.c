// cgo compiles only this folder: see sources.go.
#include "src/store/handle.c"
#include "src/store/queue.c"
#include "src/store/registry.c"
#include "src/store/timer.c"
#include "src/store/workers.c"
