// cgo compiles only this folder: see sources.go.
#include "src/kinds.c"
