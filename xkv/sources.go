package xkv

import "embed"

// The C sources lie in folders that cgo does not look into; the cgo_*.c files
// include them. Naming them here makes the build cache notice when they
// change, and makes "go mod vendor" take them along. The blank variable keeps
// them out of the binary.
//
//go:embed include/*.h src/*.c src/*/*.c src/*/*.h
var _ embed.FS
