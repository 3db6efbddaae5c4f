// cgo compiles only this folder: see sources.go.
#include "src/xxh64.c"
