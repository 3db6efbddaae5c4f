// Command example writes the store of another k6 extension, a BoltDB file, for
// examples/move-from-boltdb.js.
package main

import (
	"fmt"
	"log"
	"os"

	"go.etcd.io/bbolt"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: example FILE")
	}
	db, err := bbolt.Open(os.Args[1], 0o600, nil)
	if err == nil {
		err = db.Update(fill)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// fill stores users as those extensions do: their JSON, in the bucket k6.
func fill(tx *bbolt.Tx) error {
	bucket, err := tx.CreateBucket([]byte("k6"))
	for id := 1; id <= 100 && err == nil; id++ {
		err = bucket.Put(fmt.Appendf(nil, "user:%d", id), fmt.Appendf(nil, `{"id":%d,"name":"user%d"}`, id, id))
	}
	return err
}
