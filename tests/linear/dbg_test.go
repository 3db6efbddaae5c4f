package linear_test

import (
	"fmt"
	"github.com/anishathalye/porcupine"
)

func (h history) debug(m porcupine.Model) {
	operations := make([]porcupine.Operation, len(h))
	for n, e := range h {
		operations[n] = porcupine.Operation{ClientId: e.client, Input: e.in, Call: int64(e.in.called), Output: e.out, Return: int64(e.in.returned)}
	}
	_, info := porcupine.CheckOperationsVerbose(m, operations, checkTimeout)
	best := []int{}
	for _, l := range info.PartialLinearizations()[0] {
		if len(l) > len(best) {
			best = l
		}
	}
	in := map[int]bool{}
	fmt.Println("longest:", len(best))
	for _, i := range best {
		in[i] = true
		fmt.Println("   ", h[i])
	}
	fmt.Println("not:")
	for i := range h {
		if !in[i] {
			fmt.Println("   ", h[i])
		}
	}
}
