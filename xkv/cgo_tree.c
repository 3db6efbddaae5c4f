// cgo compiles only this folder: see sources.go.
#include "src/tree/btree.c"
#include "src/tree/btree_change.c"
#include "src/tree/btree_check.c"
#include "src/tree/reclaim.c"
