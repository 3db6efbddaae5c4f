// Command callers measures go-redis as bench/servers.c does a store: so many
// callers, each with a connection of its own and one call in flight.
//
//	build/bench/callers redis://127.0.0.1:6379 [callers [seconds [keys]]]
//
// Then one of them sends as many GETs at a time as there are callers: what the
// least work of a server is, with which others are compared.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const value = `{"name":"Ada Lovelace","email":"ada@example.com","age":36,"n":1}`

// A row as bench/servers.c writes it; From and To are seconds since 1970.
type row struct {
	Part  string  `json:"part"`
	Store string  `json:"store"`
	Call  string  `json:"call"`
	VUs   int     `json:"vus"`
	Keys  int     `json:"keys"`
	Calls int     `json:"calls"`
	Rate  float64 `json:"rate"`
	From  float64 `json:"from"`
	To    float64 `json:"to"`
}

type bench struct {
	url     string
	callers int
	window  time.Duration
	keys    int
	clients []*redis.Client
	rows    []row
}

var ctx = context.Background()

func main() {
	b := &bench{url: argument(1, ""), callers: 50, window: time.Second, keys: 20000}
	if b.url == "" {
		die(fmt.Errorf("give the url of a server"))
	}
	b.callers = number(2, b.callers)
	seconds, err := strconv.ParseFloat(argument(3, "1"), 64)
	die(err)
	b.window = time.Duration(seconds * float64(time.Second))
	b.keys = number(4, b.keys)

	b.connect()
	b.fill()
	b.measure("go-redis", "get", b.callers, func(c *redis.Client, n int) (int, error) {
		return 1, c.Get(ctx, b.key(n)).Err()
	})
	b.measure("go-redis", "set", b.callers, func(c *redis.Client, n int) (int, error) {
		return 1, c.Set(ctx, b.key(n), value, 0).Err()
	})
	b.measure("plain", "GET", 1, b.pipelined)
	die(b.write(os.Getenv("XKV_BENCH_JSON")))
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func argument(n int, otherwise string) string {
	if n < len(os.Args) {
		return os.Args[n]
	}
	return otherwise
}

func number(n, otherwise int) int {
	value, err := strconv.Atoi(argument(n, strconv.Itoa(otherwise)))
	die(err)
	return value
}

func (b *bench) key(n int) string {
	return fmt.Sprintf("user:%08d", n*7919%b.keys)
}

func (b *bench) connect() {
	for range b.callers {
		options, err := redis.ParseURL(b.url)
		die(err)
		options.PoolSize = 1
		b.clients = append(b.clients, redis.NewClient(options))
	}
}

func (b *bench) fill() {
	for from := 0; from < b.keys; from += 1000 {
		_, err := b.clients[0].Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < min(from+1000, b.keys); i++ {
				p.Set(ctx, fmt.Sprintf("user:%08d", i), value, 0)
			}
			return nil
		})
		die(err)
	}
}

// pipelined gets as many keys at once as there are callers.
func (b *bench) pipelined(c *redis.Client, n int) (int, error) {
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range b.callers {
			p.Get(ctx, b.key(n+i))
		}
		return nil
	})
	return b.callers, err
}

// measure lets the first callers repeat a call, which says how many it was.
func (b *bench) measure(store, call string, callers int, do func(*redis.Client, int) (int, error)) {
	counts := make([]int, callers)
	var done sync.WaitGroup
	from := time.Now()
	for i := range callers {
		done.Go(func() {
			for n := i; time.Since(from) < b.window; n += callers {
				count, err := do(b.clients[i], n)
				die(err)
				counts[i] += count
			}
		})
	}
	done.Wait()
	to, sum := time.Now(), 0
	for _, count := range counts {
		sum += count
	}
	b.rows = append(b.rows, row{
		Part: "servers", Store: store, Call: call, VUs: b.callers, Keys: b.keys, Calls: sum,
		Rate: float64(sum) / to.Sub(from).Seconds(), From: seconds(from), To: seconds(to),
	})
	fmt.Printf("%-9s %-4s %9.0f calls/s\n", store, call, b.rows[len(b.rows)-1].Rate)
}

func seconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }

func (b *bench) write(path string) error {
	if path == "" {
		return nil
	}
	// #nosec G304 G703 -- who measures says where the rows go
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, row := range b.rows {
		if err := json.NewEncoder(file).Encode(row); err != nil {
			return err
		}
	}
	return file.Close()
}
