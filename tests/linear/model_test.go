package linear_test

// The sequential store that histories are compared with: what each command
// does to the keys and claims, and what it then must reply.
//
// The model is deterministic although the store chooses at random: which keys
// were chosen, and which tokens were given, stands in the reply. The model
// checks that they were to be had, and goes on from there.

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/xk6-kv/xkv"
)

// keyNames are all keys that histories use, or the first few of them.
var keyNames = [...]string{"a1", "b1", "a2", "b2", "a3"}

// inOrder are the numbers of the keys in the order of their names.
var inOrder = [...]int{0, 2, 4, 1, 3}

// state is the whole store. It is comparable, so that == tells porcupine where
// it has been.
type state struct {
	values [len(keyNames)]string // "" is a missing key: no JSON is empty
	tokens [len(keyNames)]int64  // of the claim on the key; 0 is a free key
	leases [len(keyNames)]lease  // where claims expire, when they do
	bonds  [len(keyNames)]bond   // for whom the claim on the key is to be found again
	turns  [len(prefixes)]int    // how many of inOrder are not behind the last one in turn
	last   int64                 // the highest token that was given
}

// bond is what an owner finds its claim by.
type bond struct {
	owner, prefix string
}

// prefixes are all that histories use.
var prefixes = [...]string{"", "a", "b"}

// input is a command. An operation uses the fields that it takes.
type input struct {
	op       string
	keys     []int // numbers of names
	values   []string
	expect   xkv.Expect
	expected string
	prefix   string
	number   int64 // delta, limit or count
	owner    string
	ttl      int64 // milliseconds
	flag     bool  // allOrNothing, deleteKey, includeCurrentOnMismatch
	claims   []claim

	called, returned time.Duration // since the history began
}

// claim is one that is given back.
type claim struct {
	key    int
	token  int64
	id     string
	forged bool // nobody ever got this one
}

// output is a reply.
type output struct {
	text  string // all of it, as render has it
	picks []pick // the entries in it
}

// pick is an entry in a reply, and the claim it is part of, if it is.
type pick struct {
	key   int
	token int64
	id    string
}

// illegal is what no reply reads.
const illegal = "illegal"

// steps are what the operations do to a store, and what they must reply.
var steps = map[string]func(s *state, in *input, out *output) string{
	"get": func(s *state, in *input, _ *output) string {
		if value := s.values[in.keys[0]]; value != "" {
			return value
		}
		return "KeyNotFoundError"
	},
	"set": func(s *state, in *input, _ *output) string {
		s.values[in.keys[0]] = in.values[0]
		return "ok"
	},
	"delete": func(s *state, in *input, _ *output) string {
		s.remove(in.keys[0])
		return "ok"
	},
	"deleteIfExists": func(s *state, in *input, _ *output) string {
		return digit(s.remove(in.keys[0]))
	},
	"exists": func(s *state, in *input, _ *output) string {
		return digit(s.exists(in.keys[0]))
	},
	"setIfAbsent": func(s *state, in *input, _ *output) string {
		if s.exists(in.keys[0]) {
			return digit(false)
		}
		s.values[in.keys[0]] = in.values[0]
		return digit(true)
	},
	"getOrSet": func(s *state, in *input, _ *output) string {
		loaded := s.exists(in.keys[0])
		if !loaded {
			s.values[in.keys[0]] = in.values[0]
		}
		return fmt.Sprintf("{value:%s,loaded:%t}", s.values[in.keys[0]], loaded)
	},
	"swap": func(s *state, in *input, _ *output) string {
		previous := s.values[in.keys[0]]
		s.values[in.keys[0]] = in.values[0]
		return fmt.Sprintf("{previous:%s,loaded:%t}", orNull(previous), previous != "")
	},
	"incrementBy": func(s *state, in *input, _ *output) string {
		value := s.values[in.keys[0]]
		number, err := strconv.ParseInt(value, 10, 64)
		if value != "" && err != nil {
			return "ValueParseError"
		}
		s.values[in.keys[0]] = strconv.FormatInt(number+in.number, 10)
		return s.values[in.keys[0]]
	},
	"compareAndSwap": func(s *state, in *input, _ *output) string {
		return digit(s.compareAndSet(in, in.values[0]))
	},
	"compareAndSwapDetailed": func(s *state, in *input, _ *output) string {
		current := s.values[in.keys[0]]
		return detailed("swapped", s.compareAndSet(in, in.values[0]), current, in.flag)
	},
	"compareAndDelete": func(s *state, in *input, _ *output) string {
		return digit(s.compareAndSet(in, ""))
	},
	"compareAndDeleteDetailed": func(s *state, in *input, _ *output) string {
		current := s.values[in.keys[0]]
		return detailed("deleted", s.compareAndSet(in, ""), current, in.flag)
	},

	"getMany": func(s *state, in *input, _ *output) string {
		return array(in.keys, func(key int) string {
			return fmt.Sprintf("{key:%s,exists:%t,value:%s}", keyNames[key], s.exists(key),
				orNull(s.values[key]))
		})
	},
	"setMany": func(s *state, in *input, _ *output) string {
		for n, key := range in.keys {
			s.values[key] = in.values[n]
		}
		return fmt.Sprintf("{written:%d}", len(in.keys))
	},
	"deleteMany": func(s *state, in *input, _ *output) string {
		deleted := s.removeAll(in.keys)
		return fmt.Sprintf("{deleted:%d,missing:%d}", deleted, len(in.keys)-deleted)
	},
	"deleteByPrefix": func(s *state, in *input, _ *output) string {
		deleted := s.removeAll(atMost(in.number, s.keys(in.prefix)))
		return fmt.Sprintf("{deleted:%d,done:%t}", deleted, len(s.keys(in.prefix)) == 0)
	},
	"clear": func(s *state, _ *input, _ *output) string {
		s.removeAll(inOrder[:])
		return "ok"
	},
	"size": func(s *state, _ *input, _ *output) string {
		return strconv.Itoa(len(s.keys("")))
	},
	"count": func(s *state, in *input, _ *output) string {
		return strconv.Itoa(len(s.keys(in.prefix)))
	},
	"list": func(s *state, in *input, _ *output) string {
		return array(atMost(in.number, s.keys(in.prefix)), s.entry)
	},
	"listKeys": func(s *state, in *input, _ *output) string {
		return array(atMost(in.number, s.keys(in.prefix)), nameOf)
	},
	"randomKey": func(s *state, in *input, out *output) string {
		keys := s.keys(in.prefix)
		if !isChoice(out.picks, keys, 1) {
			return illegal
		}
		return fmt.Sprintf("%s of %d", strings.Join(names(out.picks), ""), len(keys))
	},
	"randomEntry": func(s *state, in *input, out *output) string {
		return oneOrNull(s.chosen(out.picks, s.keys(in.prefix), 1))
	},
	"nextCircular": func(s *state, in *input, _ *output) string {
		if key, any := s.inTurn(in.prefix); any {
			return s.entry(key)
		}
		return "null"
	},
	"next": func(s *state, in *input, _ *output) string {
		var last string
		position := in.keys[0]
		if text := s.values[position]; text != "" && (json.Unmarshal([]byte(text), &last) != nil || last == "") {
			return "ValueParseError"
		}
		keys := s.keys(in.prefix)
		next := slices.IndexFunc(keys, func(key int) bool { return keyNames[key] > last })
		if next < 0 && in.flag && len(keys) > 0 {
			next = 0
		}
		if next < 0 {
			return "null"
		}
		entry := s.entry(keys[next])
		s.values[position] = strconv.Quote(keyNames[keys[next]])
		return entry
	},
	"rebuildKeyList": func(*state, *input, *output) string { return "ok" },
	"allocationStats": func(s *state, in *input, _ *output) string {
		total, free := len(s.keys(in.prefix)), len(s.free(in.prefix))
		return fmt.Sprintf("{prefix:%s,total:%d,claimable:%d,claimedLive:%d,claimedExpired:0}",
			in.prefix, total, free, total-free)
	},

	"popRandom": func(s *state, in *input, out *output) string {
		return oneOrNull(s.pop(out.picks, in.prefix, 1))
	},
	"popNext": func(s *state, in *input, out *output) string {
		return oneOrNull(s.popOf(out.picks, s.lowest(in.prefix), 1))
	},
	"popRandomMany": func(s *state, in *input, out *output) string {
		return many(s.pop(out.picks, in.prefix, in.number))
	},
	"claimRandom": func(s *state, in *input, out *output) string {
		return oneOrNull(s.claimChosen(in, out, 1))
	},
	"claimNext": func(s *state, in *input, out *output) string {
		if lowest := s.lowest(in.prefix); len(lowest) > 0 {
			return oneOrNull(s.grant(in, out.picks, lowest))
		}
		return "null"
	},
	"claimForOwner": func(s *state, in *input, out *output) string {
		bond := bond{in.owner, in.prefix}
		if key := slices.Index(s.bonds[:], bond); key >= 0 {
			return s.claim(key, in.owner)
		}
		text := oneOrNull(s.claimChosen(in, out, 1))
		if text != illegal && len(out.picks) > 0 {
			s.bonds[out.picks[0].key] = bond
		}
		return text
	},
	"claimRandomMany": func(s *state, in *input, out *output) string {
		return many(s.claimChosen(in, out, in.number))
	},
	"claimKey": func(s *state, in *input, out *output) string {
		if s.isFree(in.keys[0]) {
			return oneOrNull(s.grant(in, out.picks, in.keys))
		}
		return "null"
	},
	"claimKeys": (*state).claimKeys,

	"renewClaim":     (*state).giveBack,
	"releaseClaim":   (*state).giveBack,
	"completeClaim":  (*state).giveBack,
	"renewClaims":    (*state).giveBackMany,
	"releaseClaims":  (*state).giveBackMany,
	"completeClaims": (*state).giveBackMany,
}

// step takes a command after those that have led to s.
func (s state) step(in *input, out *output) (bool, state) {
	isLegal := steps[in.op](&s, in, out) == out.text
	return isLegal, s
}

// --- keys -----------------------------------------------------------------------

func (s *state) exists(key int) bool { return s.values[key] != "" }

func (s *state) isFree(key int) bool { return s.exists(key) && s.tokens[key] == 0 }

// keys are those that start with prefix, in order.
func (s *state) keys(prefix string) []int { return s.those(prefix, s.exists) }

// free are those of them without a claim.
func (s *state) free(prefix string) []int { return s.those(prefix, s.isFree) }

// lowest is the first of the free ones, if there is one.
func (s *state) lowest(prefix string) []int { return atMost(1, s.free(prefix)) }

// inTurn is the key whose turn it is.
func (s *state) inTurn(prefix string) (key int, any bool) {
	keys, turn := s.keys(prefix), &s.turns[slices.Index(prefixes[:], prefix)]
	if len(keys) == 0 {
		return 0, false
	}
	place := func(key int) int { return slices.Index(inOrder[:], key) }
	next := slices.IndexFunc(keys, func(key int) bool { return place(key) >= *turn })
	key = keys[max(next, 0)]
	*turn = place(key) + 1
	return key, true
}

func (s *state) those(prefix string, are func(key int) bool) []int {
	keys := make([]int, 0, len(keyNames))
	for _, key := range inOrder {
		if are(key) && strings.HasPrefix(keyNames[key], prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// remove removes a key with its claim, and tells whether it was there.
func (s *state) remove(key int) bool {
	existed := s.exists(key)
	s.values[key] = ""
	s.end(key)
	return existed
}

func (s *state) removeAll(keys []int) (removed int) {
	for _, key := range keys {
		if s.remove(key) {
			removed++
		}
	}
	return removed
}

// compareAndSet stores a value, or with "" removes the key, if there is what the
// command expects.
func (s *state) compareAndSet(in *input, value string) bool {
	key := in.keys[0]
	isValue, isAbsent := s.exists(key) && s.values[key] == in.expected, !s.exists(key)
	switch {
	case isValue && in.expect == xkv.ExpectAbsent, isAbsent && in.expect == xkv.ExpectValue,
		!isValue && !isAbsent:
		return false
	case value == "":
		return s.remove(key)
	}
	s.values[key] = value
	return true
}

// --- choices --------------------------------------------------------------------

// isChoice tells whether picks are count different ones of keys, or all of them
// if there are fewer.
func isChoice(picks []pick, keys []int, count int64) bool {
	if len(picks) != len(atMost(count, keys)) {
		return false
	}
	for n, p := range picks {
		isSame := func(other pick) bool { return other.key == p.key }
		if !slices.Contains(keys, p.key) || slices.ContainsFunc(picks[:n], isSame) {
			return false
		}
	}
	return true
}

// chosen returns the text of each entry that was picked; so do the others that
// return texts, and false instead of texts that no store may reply.
func (s *state) chosen(picks []pick, keys []int, count int64) ([]string, bool) {
	if !isChoice(picks, keys, count) {
		return nil, false
	}
	texts := make([]string, len(picks))
	for n, p := range picks {
		texts[n] = s.entry(p.key)
	}
	return texts, true
}

// pop removes the keys that were picked.
func (s *state) pop(picks []pick, prefix string, count int64) ([]string, bool) {
	return s.popOf(picks, s.free(prefix), count)
}

// popOf removes those of keys that were picked.
func (s *state) popOf(picks []pick, keys []int, count int64) ([]string, bool) {
	texts, isLegal := s.chosen(picks, keys, count)
	for _, p := range picks {
		if isLegal {
			s.remove(p.key)
		}
	}
	return texts, isLegal
}

// --- claims ---------------------------------------------------------------------

func (s *state) claimChosen(in *input, out *output, count int64) ([]string, bool) {
	if !isChoice(out.picks, s.free(in.prefix), count) {
		return nil, false
	}
	keys := make([]int, len(out.picks))
	for n, p := range out.picks {
		keys[n] = p.key
	}
	return s.grant(in, out.picks, keys)
}

// grant gives claims on free keys, with the tokens that the reply has. All must
// be greater than any before; among each other they may have any order.
func (s *state) grant(in *input, picks []pick, keys []int) ([]string, bool) {
	if len(picks) != len(keys) {
		return nil, false
	}
	last := s.last
	texts := make([]string, len(keys))
	for n, key := range keys {
		token := picks[n].token
		if token <= last || slices.Contains(s.tokens[:], token) {
			return nil, false
		}
		s.tokens[key] = token
		s.leases[key] = in.lease()
		s.last = max(s.last, token)
		texts[n] = s.claim(key, in.owner)
	}
	return texts, true
}

// claim is the text of a claim that is there.
func (s *state) claim(key int, owner string) string {
	return fmt.Sprintf("{key:%s,entry:%s,owner:%s,token:%d}", keyNames[key], s.entry(key), owner,
		s.tokens[key])
}

func (s *state) claimKeys(in *input, out *output) string {
	var free, busy, missing []int
	for _, key := range in.keys {
		switch {
		case s.isFree(key):
			free = append(free, key)
			continue
		case s.exists(key):
			busy = append(busy, key)
		default:
			missing = append(missing, key)
		}
		if in.flag { // all or nothing: nothing, then, and only this key is told
			free = nil
			break
		}
	}
	claimed := many(s.grant(in, out.picks, free))
	return fmt.Sprintf("{claimed:%s,busy:%s,missing:%s}", claimed, array(busy, nameOf),
		array(missing, nameOf))
}

// end ends the claim on a key, if there is one.
func (s *state) end(key int) {
	s.tokens[key] = 0
	s.leases[key] = lease{}
	s.bonds[key] = bond{}
}

// settle does with a claim what the command says, and tells whether it was held.
func (s *state) settle(in *input, c claim) bool {
	if c.forged || s.tokens[c.key] != c.token {
		return false
	}
	switch in.op {
	case "renewClaim", "renewClaims":
		s.leases[c.key] = in.lease()
	case "releaseClaim", "releaseClaims":
		s.end(c.key)
	default:
		s.end(c.key)
		if in.flag { // delete the key
			s.remove(c.key)
		}
	}
	return true
}

func (s *state) giveBack(in *input, _ *output) string { return digit(s.settle(in, in.claims[0])) }

func (s *state) giveBackMany(in *input, _ *output) string {
	var failed []string
	for n, c := range in.claims {
		if !s.settle(in, c) {
			failed = append(failed, notUpdated(n, c.key))
		}
	}
	return settled(doneBy[in.op], len(in.claims), failed)
}

// doneBy is the name that the number of claims has of which it was done.
var doneBy = map[string]string{
	"renewClaims": "renewed", "releaseClaims": "released", "completeClaims": "completed",
}

// --- texts ----------------------------------------------------------------------

func nameOf(key int) string { return keyNames[key] }

func names(picks []pick) []string {
	names := make([]string, len(picks))
	for n, p := range picks {
		names[n] = nameOf(p.key)
	}
	return names
}

func (s *state) entry(key int) string { return keyNames[key] + "=" + s.values[key] }

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

func orNull(value string) string {
	if value == "" {
		return "null"
	}
	return value
}

func array(keys []int, text func(key int) string) string {
	texts := make([]string, len(keys))
	for n, key := range keys {
		texts[n] = text(key)
	}
	return many(texts, true)
}

func many(texts []string, isLegal bool) string {
	if !isLegal {
		return illegal
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func oneOrNull(texts []string, isLegal bool) string {
	switch {
	case !isLegal:
		return illegal
	case len(texts) == 0:
		return "null"
	}
	return texts[0]
}

func notUpdated(index, key int) string {
	return fmt.Sprintf("{index:%d,key:%s,name:ClaimNotUpdated}", index, keyNames[key])
}

func settled(done string, attempted int, failed []string) string {
	return fmt.Sprintf("{attempted:%d,%s:%d,failed:%s}", attempted, done, attempted-len(failed),
		many(failed, true))
}

// detailed is what a comparison replies that found current, or nothing.
func detailed(done string, isDone bool, current string, includeCurrent bool) string {
	if isDone {
		return fmt.Sprintf("{%s:true,reason:%s}", done, done)
	}
	text := fmt.Sprintf("{%s:false,reason:mismatch,existed:%t", done, current != "")
	if includeCurrent && current != "" {
		text += ",current:" + current
	}
	return text + "}"
}

// atMost are the first limit of keys; all with 0.
func atMost(limit int64, keys []int) []int {
	if limit == 0 {
		limit = math.MaxInt
	}
	return keys[:min(limit, int64(len(keys)))]
}
