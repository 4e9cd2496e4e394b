package rnnloss

import (
	"strings"
)

// jsonBody is a problem, and its claims, as JSON. The options come first, and in a tensor dtype and shape do: then the
// daemon reduces the elements while they arrive, and keeps none.
func jsonBody(request *Request, judged *judgement) []byte {
	to := []byte(`{"lambdas":{`)
	for i, name := range sortedKeys(request.Lambdas) {
		to = appendKey(to, i, name)
		to = appendNumber(to, request.Lambdas[name], 64)
	}
	to = append(to, '}')
	for _, m := range request.members() {
		to = appendKey(to, 1, m.name)
		to = append(to, m.json...)
	}
	if judged != nil {
		to = appendTolerance(to, judged.tolerance)
	}
	to = appendKey(to, 1, "tensors")
	to = append(to, '{')
	for i, name := range sortedKeys(request.Tensors) {
		to = appendKey(to, i, name)
		to = appendTensor(to, request.Tensors[name])
	}
	to = append(to, '}')
	if judged != nil {
		to = appendKey(to, 1, "claims")
		to = claimTree(judged.claims).append(to)
	}
	return append(to, '}')
}

// appendKey begins the member i of an object.
func appendKey(to []byte, i int, name string) []byte {
	if i > 0 {
		to = append(to, ',')
	}
	return append(append(to, quote(name)...), ':')
}

// appendTensor writes numbers that read back to the same bits of their dtype. (The shortest decimal of an F16 as an
// F32 is not always the shortest as an F16, but as exact.)
func appendTensor(to []byte, t Tensor) []byte {
	to = append(append(to, `{"dtype":`...), quote(string(t.dtype))...)
	to = append(appendShape(append(to, `,"shape":`...), t.shape), `,"data":[`...)
	bits := 32
	if t.dtype == Float64 {
		bits = 64
	}
	for i, x := range t.Floats() {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendNumber(to, x, bits)
	}
	return append(to, "]}"...)
}

// claimNode is a place in the tree that dotted paths of claims make. Where one path is the beginning of another, both
// are written, and the daemon will say what it thinks of that.
type claimNode struct {
	claim    *Tensor
	number   bool
	children map[string]*claimNode
}

func claimTree(claims map[string]Tensor) *claimNode {
	root := &claimNode{children: map[string]*claimNode{}}
	for path := range claims {
		claim := claims[path]
		at, parent := root, ""
		for _, name := range strings.Split(path, ".") {
			if at.children[name] == nil {
				at.children[name] = &claimNode{children: map[string]*claimNode{}, number: parent != "gradients"}
			}
			at, parent = at.children[name], name
		}
		at.claim = &claim
	}
	return root
}

func (n *claimNode) append(to []byte) []byte {
	to = append(to, '{')
	members := 0
	for _, name := range sortedKeys(n.children) {
		child := n.children[name]
		if child.claim != nil {
			to = appendClaim(appendKey(to, members, name), child)
			members++
		}
		if len(child.children) > 0 {
			to = child.append(appendKey(to, members, name))
			members++
		}
	}
	return append(to, '}')
}

// appendClaim writes a loss as a number, a gradient as a tensor.
func appendClaim(to []byte, node *claimNode) []byte {
	if node.number && node.claim.Len() == 1 {
		return appendNumber(to, node.claim.Floats()[0], 64)
	}
	return appendTensor(to, *node.claim)
}
