// cgo compiles only this folder: see sources.go.
#include "src/backend_lmdb.c"
