package rnnloss

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// namedTensor is an entry of a safetensors file.
type namedTensor struct {
	name string
	Tensor
}

// safetensorsBody is a problem, and its claims, as safetensors: a header, and then each tensor's own memory.
func safetensorsBody(request *Request, judged *judgement) body {
	tensors := layOut(request, judged)
	var header strings.Builder
	header.WriteString(`{"__metadata__":` + metadata(request, judged))
	offset := 0
	for _, t := range tensors {
		end := offset + len(t.data)
		fmt.Fprintf(&header, `,%s:{"dtype":%s,"shape":%s,"data_offsets":[%d,%d]}`,
			quote(t.name), quote(string(t.dtype)), appendShape(nil, t.shape), offset, end)
		offset = end
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 { // so that the data begin at a multiple of 8
		header.WriteByte(' ')
	}
	head := binary.LittleEndian.AppendUint64(nil, uint64(header.Len()))
	pieces := body{append(head, header.String()...)}
	for _, t := range tensors {
		pieces = append(pieces, t.data)
	}
	return pieces
}

// layOut orders the tensors by the size of their elements, the largest first: so each is aligned.
func layOut(request *Request, judged *judgement) (tensors []namedTensor) {
	for _, name := range sortedKeys(request.Tensors) {
		tensors = append(tensors, namedTensor{name, request.Tensors[name]})
	}
	if judged != nil {
		for _, path := range sortedKeys(judged.claims) {
			tensors = append(tensors, namedTensor{"claims." + path, judged.claims[path]})
		}
	}
	sort.SliceStable(tensors, func(i, j int) bool { return tensors[i].dtype.size() > tensors[j].dtype.size() })
	return tensors
}

// metadata holds the weights and the options, as strings.
func metadata(request *Request, judged *judgement) string {
	var pairs []string
	add := func(name, value string) { pairs = append(pairs, quote(name)+":"+quote(value)) }
	for _, name := range sortedKeys(request.Lambdas) {
		add(name, strings.Trim(string(appendNumber(nil, request.Lambdas[name], 64)), `"`))
	}
	for _, m := range request.members() {
		add(m.name, m.text)
	}
	if judged != nil {
		for _, m := range judged.tolerance.metadata() {
			add(m.name, m.text)
		}
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func appendShape(to []byte, shape []int) []byte {
	to = append(to, '[')
	for i, n := range shape {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, int64(n), 10)
	}
	return append(to, ']')
}
