// A module of its own: bbolt is only compared with, and is no dependency.
module example.com/xk6-kv/tests/bolt

go 1.25.0

require go.etcd.io/bbolt v1.5.0

require golang.org/x/sys v0.45.0 // indirect
