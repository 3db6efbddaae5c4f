// cgo compiles only this folder: see sources.go.
#include "src/files/batch.c"
#include "src/files/behind.c"
#include "src/files/copies.c"
#include "src/files/files.c"
#include "src/files/input.c"
#include "src/files/part.c"
#include "src/files/text.c"
