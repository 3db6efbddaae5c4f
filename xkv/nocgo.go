//go:build !cgo

package xkv

// The store is written in C. This name is what the compiler then complains about.
var _ = xk6_kv_needs_cgo__set_CGO_ENABLED_1_and_have_a_C_compiler
