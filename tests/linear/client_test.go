package linear_test

// From the inputs of the model to commands, and from replies to its outputs.

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/xk6-kv/xkv"
)

// operations is the library's table of commands, by name.
var operations = func() map[string]xkv.Operation {
	table := map[string]xkv.Operation{}
	for _, operation := range xkv.Operations() {
		table[operation.Name] = operation
	}
	return table
}()

// backend is a kind of store.
type backend struct {
	name     string
	settings []xkv.Setting
}

func (b backend) isOnDisk() bool { return b.settings[0].Value == "disk" }

func (b backend) isOnServers() bool { return b.settings[0].Value == "redis" }

// syncs tells whether writes wait for the disk.
func (b backend) syncs() bool {
	return slices.Contains(b.settings, xkv.Setting{Name: "disk.durability", Value: "full"})
}

// backends are all kinds; beside servers (scripts/servers.sh) only theirs.
func backends() []backend {
	if url := os.Getenv("XKV_REDIS_URL"); url != "" {
		return []backend{{"redis", []xkv.Setting{
			{Name: "backend", Value: "redis"}, {Name: "url", Value: url},
		}}}
	}
	all := []backend{{"memory", []xkv.Setting{{Name: "backend", Value: "memory"}}}}
	for _, tracked := range []bool{false, true} {
		for _, durability := range []string{"none", "full"} {
			all = append(all, backend{
				name: fmt.Sprintf("disk, trackKeys %t, durability %s", tracked, durability),
				settings: []xkv.Setting{
					{Name: "backend", Value: "disk"},
					{Name: "trackKeys", Value: tracked},
					{Name: "disk.durability", Value: durability},
				},
			})
		}
	}
	return all
}

// open opens handles on one new store, one for each client.
func (b backend) open(t *testing.T, count int) []*client {
	t.Helper()
	place := xkv.Setting{Name: "name", Value: t.Name()}
	if b.isOnDisk() {
		place = xkv.Setting{Name: "path", Value: t.TempDir() + "/store"}
	}
	clients := make([]*client, count)
	for n := range clients {
		store, err := xkv.Open(append(slices.Clone(b.settings), place))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		clients[n] = newClient(store)
	}
	return clients
}

// doer does commands, one after the other.
type doer interface {
	do(in *input) *output
}

// client is a handle on a store, and a doer.
type client struct {
	store *xkv.Store
	tag   uint64
	done  chan completion
	began time.Time // of the history: all times count from here
}

// completion is a reply and when it came.
type completion struct {
	reply xkv.Reply
	at    time.Time
}

// queued are the clients whose commands may wait for a disk; the tag is the
// index. As in the module, one goroutine collects for all.
var queued struct {
	queue *xkv.Queue
	start sync.Once

	mu      sync.Mutex
	clients []*client
}

func newClient(store *xkv.Store) *client {
	queued.start.Do(func() {
		queued.queue = xkv.NewQueue()
		go collect()
	})
	queued.mu.Lock()
	defer queued.mu.Unlock()
	c := &client{store: store, tag: uint64(len(queued.clients)), done: make(chan completion, 1)}
	queued.clients = append(queued.clients, c)
	return c
}

// collect runs for the life of the process.
func collect() {
	for {
		queued.queue.Collect(func(done []xkv.Completion) {
			at := time.Now()
			queued.mu.Lock()
			defer queued.mu.Unlock()
			for _, one := range done {
				one.Reply.Keep(nil)
				queued.clients[one.Tag].done <- completion{one.Reply, at}
			}
		})
	}
}

// do notes the moments between which the command took effect: no more than the
// call itself lies between them, nor less.
func (c *client) do(in *input) *output {
	var (
		buffer   [512]byte
		finished completion
	)
	command := in.command()
	in.called = time.Since(c.began)
	pending := c.store.Submit(command, buffer[:], queued.queue, c.tag, &finished.reply)
	if pending {
		finished = <-c.done
	} else {
		finished.at = time.Now()
	}
	in.returned = finished.at.Sub(c.began)
	defer finished.reply.Release()
	return read(in.op, &finished.reply)
}

// --- commands -------------------------------------------------------------------

func (in *input) command() *xkv.Command {
	operation := operations[in.op]
	command := &xkv.Command{}
	command.Begin(&operation)
	command.Expect(in.expect)
	for _, a := range slices.Concat(operation.Positional, operation.Fields) {
		switch a.Kind {
		case xkv.KindKey:
			command.SetText(a.Slot, keyNames[in.keys[0]])
		case xkv.KindText:
			command.SetText(a.Slot, map[string]string{"prefix": in.prefix, "owner": in.owner}[a.Name])
		case xkv.KindValue:
			command.SetBytes(a.Slot, []byte(in.values[0]))
		case xkv.KindExpected:
			command.SetBytes(a.Slot, []byte(in.expected))
		case xkv.KindInteger:
			command.SetNumber(a.Slot, in.number)
		case xkv.KindDuration:
			// Without a timeout: the model has nobody who waits.
			command.SetNumber(a.Slot, map[string]int64{"ttl": in.ttl}[a.Name])
		case xkv.KindBoolean:
			command.SetFlag(a.Bit, in.flag)
		default:
			command.SetBytes(a.Slot, in.items())
		}
	}
	return command
}

func (in *input) items() (items []byte) {
	for _, c := range in.claims {
		items = xkv.AppendClaim(items, c.id, keyNames[c.key], c.token)
	}
	for n, key := range in.keys {
		if len(in.values) == len(in.keys) {
			items = xkv.AppendEntry(items, keyNames[key], []byte(in.values[n]))
		} else {
			items = xkv.AppendKey(items, keyNames[key])
		}
	}
	return items
}

// --- replies --------------------------------------------------------------------

func read(op string, reply *xkv.Reply) *output {
	if reply.Code != xkv.OK {
		return &output{text: reply.Code.Name()}
	}
	switch operations[op].Reply {
	case xkv.ReplyTrue, xkv.ReplyEcho:
		return &output{text: "ok"}
	case xkv.ReplyBoolean, xkv.ReplyNumber:
		return &output{text: strconv.FormatInt(reply.Number, 10)}
	case xkv.ReplyValue:
		return &output{text: string(reply.Data)}
	case xkv.ReplyKey:
		out := &output{text: fmt.Sprintf("%s of %d", reply.Data, reply.Number)}
		if len(reply.Data) > 0 {
			out.picks = []pick{{key: keyNumber(reply.Data)}}
		}
		return out
	default:
		r := renderer{data: reply.Data}
		_, text := r.item()
		return &output{text, r.picks}
	}
}

// keyNumber is the number of a key, -1 if histories have none of that name.
func keyNumber(name []byte) int { return slices.Index(keyNames[:], string(name)) }

// renderer makes text of items, and notes the entries and claims among them.
type renderer struct {
	data  []byte
	picks []pick
}

// notRendered are the members of objects that the model cannot know.
var notRendered = map[string]bool{
	"id": true, "expiresAt": true, "message": true, "backend": true, "trackKeys": true,
}

// item renders the next item.
func (r *renderer) item() (name, text string) {
	var item xkv.Item
	r.data = item.Read(r.data)
	name = string(item.Name)
	switch item.Kind {
	case xkv.ItemNull:
		text = "null"
	case xkv.ItemFalse:
		text = "false"
	case xkv.ItemTrue:
		text = "true"
	case xkv.ItemInteger:
		text = strconv.FormatInt(item.Number, 10)
	case xkv.ItemText:
		text = string(item.Text)
	case xkv.ItemValue:
		text = string(item.Value)
	case xkv.ItemEntry:
		r.picks = append(r.picks, pick{key: keyNumber(item.Text)})
		text = string(item.Text) + "=" + string(item.Value)
	case xkv.ItemArray:
		text = r.array(item.Number)
	case xkv.ItemObject:
		text = r.object(item.Number)
	}
	return name, text
}

func (r *renderer) array(length int64) string {
	elements := make([]string, length)
	for n := range elements {
		_, elements[n] = r.item()
	}
	return many(elements, true)
}

func (r *renderer) object(members int64) string {
	var shown []string
	all := map[string]string{}
	for range members {
		name, text := r.item()
		all[name] = text
		if !notRendered[name] {
			shown = append(shown, name+":"+text)
		}
	}
	if token, isClaim := all["token"]; isClaim {
		last := &r.picks[len(r.picks)-1] // the claim's entry
		last.id = all["id"]
		last.token, _ = strconv.ParseInt(token, 10, 64)
	}
	return "{" + strings.Join(shown, ",") + "}"
}
